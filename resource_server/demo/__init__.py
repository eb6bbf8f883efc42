"""The notes service: a small API that shows the kit at work, and can be run as it is.

Owns its routes, its notes (in memory) and how it is served. Refuses to know how a token is judged: it asks the guard.
"""
