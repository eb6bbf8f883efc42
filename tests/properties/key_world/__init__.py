"""One issuer of several replicas and its resource servers, all of it the real code, under a virtual clock: what rules can be driven on.

Owns what a process, a network and a clock may do to them, and the oracle of what must hold. Refuses to know which rule comes when.
"""
