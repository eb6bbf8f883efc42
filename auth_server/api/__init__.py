"""First-party JSON: sign up, sign in, and the server's own health.

Refuses to know SQL and key material; rules of accounts stand in `accounts/`.
"""
