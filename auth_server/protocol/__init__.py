"""Rules and words of OAuth and OpenID Connect, sans-I/O: values and `now` in, a value or a refusal out.

Refuses to know HTTP, SQL, the clock, randomness and the environment.
"""
