"""Protected resources: the APIs that tokens are for, the scopes they offer, and what this process remembers of them.

Refuses to know clients and people: who gets which scope is decided in `protocol/` by the grants.
"""
