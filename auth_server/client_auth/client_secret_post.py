"""A client secret in the body (RFC 6749 section 2.3.1)."""

from __future__ import annotations

from auth_server.client_auth.contract import ClientAuthMethod, Presented, Proof
from auth_server.clients import secrets
from auth_server.protocol.client import Client


class ClientSecretPost(ClientAuthMethod):
    """`client_secret_post`."""

    method = "client_secret_post"

    def find(self, presented: Presented) -> Proof | None:
        """Take name and secret from the body."""
        secret = presented.form.optional("client_secret")
        if secret is None:
            return None
        # A secret without a name is a proof of nobody, and still a second method beside another one.
        return Proof(presented.form.optional("client_id") or "", secret)

    def is_proven(self, proof: Proof, client: Client, now: int) -> bool:
        """Compare digests in constant time."""
        return secrets.is_one_of(proof.credential, client.secrets, now)
