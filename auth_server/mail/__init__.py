"""Sending mail: a message out of plain values, and the ways one leaves.

Refuses to know who is written to and why, and whether it is tried again: the outbox (`store/outbox.py`) and its job know that.
"""
