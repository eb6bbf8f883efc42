"""The protocol's doors: one file for each endpoint of the metadata document.

Refuses to know SQL and key material; rules of the protocol stand in `protocol/` and `grants/`.
"""
