"""Who keeps the private halves: this server itself, later a KMS or an HSM.

Owns making, opening and destroying private keys. Refuses to know when that is due, and the database.
"""
