"""What a refusal means, in words for people: which check failed, what was got and expected, and which common mistake it is.

Owns the names of mistakes and the form of a report. Refuses to judge a token, to fetch, and to be asked from the network: it explains what
the verifier decided, to an operator who already holds the token. Pure.
"""
