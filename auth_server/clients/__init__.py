"""Registered clients: their registration, their secrets, and what this process remembers of them.

Refuses to know how a client proves itself at an endpoint (`client_auth/`) and what it is granted (`grants/`).
"""
