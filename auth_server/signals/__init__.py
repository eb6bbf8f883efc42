"""Shared signals: what a receiver may ask of its streams, and the tokens that they carry.

Owns the configuration of streams (OpenID Shared Signals Framework 1.0 section 8) and how an event becomes a signed token. Refuses to
know HTTP, and how an event came about: whoever ends something writes it into the outbox (`store/signals.py`) in the same transaction.
"""
