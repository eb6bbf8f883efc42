"""The kit beside other libraries, against one misbehaving issuer in one run: `python -m benchmarks.peers`.

Owns the issuer that misbehaves, the rows, what the kit must do in each, and the table. Each library runs in a process of its own, in an
environment of its own that is made on demand, used as its README says and nothing tuned. What cannot be installed is told as such.
"""
