"""The only SQL of the product: one file for each aggregate, one unit of work around them, SQLite and PostgreSQL alike.

Owns tables, queries, transactions and the order in which changes become durable. Refuses to know HTTP, OAuth rules and settings;
rows do not leave it, frozen values do.
"""
