"""How a client proves itself at the token endpoint and its siblings: one file for each `token_endpoint_auth_method`.

Refuses to know what the client then asks for.
"""
