"""One file per web framework. Owns the translation of a framework's request to a token and of a refusal to its answer.

Refuses to know any rule: those are the guard's. Nothing here is imported before it is asked for.
"""
