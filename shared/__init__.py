"""The wire contract: words and pure codecs that both servers must mean alike.

Owns names, shapes and encodings. Refuses to know secrets, I/O, the clock, randomness, the environment, and any judgement of a
token: minting and verifying are opposites, and two independent readings of RFC 9068 find errors that one shared reading would hide.
Standard library only.
"""
