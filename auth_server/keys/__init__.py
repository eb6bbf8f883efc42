"""Signing keys: their life, their private halves at rest and in memory, the JWS they make, and the key set that is published.

Owns the rule that no valid token is ever rejected for want of a key. Refuses to know what the claims mean, HTTP and settings.
"""
