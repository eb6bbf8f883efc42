"""How fast anybody may try: which attempts are let through, which have to wait, and for how long.

Owns the numbers, the keys of the counters and the mark of known devices. Refuses to know what is being tried: passwords, codes and
secrets all pass the same gate.
"""
