"""What a person allowed a client: whether it must be asked, what is remembered, and what ends when it is withdrawn.

Refuses to know pages and how an authorization request travels.
"""
