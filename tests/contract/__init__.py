"""Both servers together, with nothing between them but what is public: the auth server mints, the resource server verifies."""
