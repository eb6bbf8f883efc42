"""Operators: one file for each noun, over the same services as the doors.

Refuses to know SQL, and to print a secret more than the once it is made.
"""
