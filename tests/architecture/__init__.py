"""What the tree itself must satisfy: the import law, complete registries, honest locks, plain text.

Reads files; refuses to know what any of them does.
"""
