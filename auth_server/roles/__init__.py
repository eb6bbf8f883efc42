"""Roles: named sets of permissions that people have.

Refuses to know what a permission is good for, and which resource gets to see which role: `protocol/people.py` decides that.
"""
