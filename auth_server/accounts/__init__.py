"""People's accounts: signing up, signing in, passwords, and what an operator does to an account.

Refuses to know tokens, clients and HTTP. A neighbour on the same floor (sessions) is known by the one method that is asked of it.
"""
