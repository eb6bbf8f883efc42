"""Models: rules as small pure functions, explored exhaustively, and held beside the code that carries them out."""
