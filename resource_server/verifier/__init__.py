"""The sans-I/O core: bytes, keys, policy and `now` in; a `VerifiedToken` or a `TokenRefused` out.

Owns the judgement of an access token (RFC 9068 section 4, RFC 8725) and of a key set (RFC 7517). Refuses to know the network, the
clock, randomness, the environment, waiting, and any web framework: so every rule can be tested as a law.
"""
