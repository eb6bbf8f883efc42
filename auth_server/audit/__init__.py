"""The vocabulary of what happened, and how it is appended to the audit log in the caller's own transaction.

Refuses to know who listens: metrics and log lines follow committed events through the store.
"""
