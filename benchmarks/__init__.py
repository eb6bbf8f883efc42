"""Measures both servers beside the raw operations they are made of, in one run: `python -m benchmarks`, or `make bench`.

Owns how it is measured, the budget, the table and the plot. Refuses to know peers, TLS and real networks; nothing here runs in a
server.
"""
