"""Refresh families in the real store, served by processes that die at any statement, beside the model of `tests/models`.

Owns the process that can be killed, and the one family that is put into any state. Refuses to know the rules: the model knows them.
"""
