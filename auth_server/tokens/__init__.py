"""From a grant's conclusion to an answer: signed, settled in one short transaction, recorded. And the end of what was issued.

Refuses to know how a grant came to its conclusion, and HTTP.
"""
