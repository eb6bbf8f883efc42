"""Devices without a keyboard: their codes, and the decision of the person who typed one (RFC 8628).

Owns user codes, their limits, and that a code is decided once. Refuses to know pages, and what a decision is worth at the token endpoint.
"""
