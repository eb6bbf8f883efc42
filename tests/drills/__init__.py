"""Reliability drills: real processes over loopback, faults, and an oracle outside of what is tried (`python -m tests.drills`).

Each drill prints one line: what was offered and served, how many faults it made, and what was lost, wrongly rejected or wrongly
accepted. Owns the faults and the counting. Refuses to know how the servers do it: it sees their commands, their HTTP and the kit.
"""
