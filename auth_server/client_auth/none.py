"""Public clients: a name and nothing to prove it with (RFC 6749 section 2.1)."""

from __future__ import annotations

from auth_server.client_auth.contract import ClientAuthMethod, Presented, Proof
from auth_server.protocol.client import Client


class PublicClient(ClientAuthMethod):
    """`none`: a `client_id` in the body and no credential anywhere."""

    method = "none"

    def find(self, presented: Presented) -> Proof | None:
        """Take the name, unless some credential came with it: then it is another method's."""
        form = presented.form
        client_id = form.optional("client_id")
        if client_id is None or presented.authorization is not None:
            return None
        if any(form.optional(name) is not None for name in ("client_secret", "client_assertion", "client_assertion_type")):
            return None
        return Proof(client_id)

    def is_proven(self, proof: Proof, client: Client, now: int) -> bool:
        """Nothing is proven, and nothing needs to be: what a public client may do assumes no proof."""
        return True
