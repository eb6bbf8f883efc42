"""Clients that are not ours, as real processes, against a real issuer: what they do of themselves must work."""
