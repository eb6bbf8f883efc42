"""Tokens and key sets broken in every way, by the million (`python -m tests.fuzz`), and a second verifier beside the kit's.

Owns the mutations, the counting and the bounds. `make test` runs the same with small counts; `make fuzz` with the whole ones.
"""
