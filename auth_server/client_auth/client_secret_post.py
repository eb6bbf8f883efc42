"""A client secret in the body (RFC 6749 section 2.3.1)."""

from __future__ import annotations

from auth_server.client_auth.contract import ClientAuthMethod, Presented, Proof
from auth_server.clients import secrets
from auth_server.protocol.client import Client
from auth_server.protocol.errors import InvalidClient


class ClientSecretPost(ClientAuthMethod):
    """`client_secret_post`."""

    method = "client_secret_post"

    def find(self, presented: Presented) -> Proof | None:
        """Take name and secret from the body."""
        secret = presented.form.optional("client_secret")
        if secret is None:
            return None
        client_id = presented.form.optional("client_id")
        if client_id is None:
            raise InvalidClient("client authentication failed", detail="client_secret without client_id")
        return Proof(client_id, secret)

    def is_proven(self, proof: Proof, client: Client, now: int) -> bool:
        """Compare digests in constant time."""
        return secrets.is_one_of(proof.credential, client.secrets, now)
