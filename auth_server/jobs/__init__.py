"""Periodic work, one file for each job.

Owns when something is done again and what becomes of its failures. Refuses to know how it is done: that is the business of the slices.
There is no leader: every replica runs every job, and each change is one that may be tried by many and done by one.
"""
