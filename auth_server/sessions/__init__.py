"""Sign-in sessions: when they start, how long they last, how they end.

Refuses to know how somebody proved who they are beyond the words for it, and what a session is good for: tokens and pages ask.
"""
