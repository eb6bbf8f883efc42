"""HTTP for the doors: who asks, how a body is read, how an answer is written, which headers every answer has.

Refuses to know OAuth rules beyond how a refusal is spelt, and every domain.
"""
