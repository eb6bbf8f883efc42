"""Schema changes in order, as Alembic runs them.

Owns how a database becomes what `store/` expects. Refuses to know what the rows mean.
"""
