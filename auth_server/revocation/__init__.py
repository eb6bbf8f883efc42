"""What is dead before its time: entries of the revocation feed, appended in the transaction of the act itself.

Refuses to know why something was revoked, and how the feed is served.
"""
