"""The only HTTP this server ever sends: a few documents and notices, under rules that make it useless as somebody's tool.

Owns addresses, time and size bounds, and what is remembered of answers. Refuses to know what a document means.
"""
