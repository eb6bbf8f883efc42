"""One file for each grant type: what is asked, what it depends on, what is concluded.

Refuses to know HTTP, signing and transactions: a grant parses, reads and decides; the endpoint signs, settles and answers.
"""
