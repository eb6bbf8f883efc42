"""Keeping the issuer's keys fresh.

Owns the fetching, the rules of when to fetch, and the copy on disk. Refuses to know tokens and claims: it is asked for a `kid`, and
says "use what you have", "look again", or "cannot say now". A known `kid` never waits here, and never touches the network.
"""
