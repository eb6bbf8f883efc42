"""The issuer: it knows people, clients and private keys, signs tokens, and publishes the public halves of its keys.

It never imports the resource server: what the two share is the wire, and `shared/` says how that is spelt.
"""

__version__ = "0.1.0"
