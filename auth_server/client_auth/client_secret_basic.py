"""A client secret in the Authorization header (RFC 6749 section 2.3.1, RFC 7617)."""

from __future__ import annotations

import binascii
from urllib.parse import unquote_plus

from auth_server.client_auth.contract import ClientAuthMethod, Presented, Proof
from auth_server.clients import secrets
from auth_server.protocol.client import Client
from auth_server.protocol.errors import InvalidClient

_MAX_BYTES = 2048


class ClientSecretBasic(ClientAuthMethod):
    """`client_secret_basic`: name and secret are form-encoded first, then joined by a colon (RFC 6749 appendix B)."""

    method = "client_secret_basic"

    def find(self, presented: Presented) -> Proof | None:
        """Take the header apart."""
        if presented.authorization is None:
            return None
        scheme, _, encoded = presented.authorization.partition(b" ")
        if scheme.lower() != b"basic" or len(encoded) > _MAX_BYTES:
            raise _malformed("not the Basic scheme")
        try:
            decoded = binascii.a2b_base64(encoded.strip(), strict_mode=True).decode("utf-8")
            name, colon, secret = decoded.partition(":")
            client_id, credential = unquote_plus(name, errors="strict"), unquote_plus(secret, errors="strict")
        except ValueError as error:
            raise _malformed("not base64 of UTF-8") from error
        if not colon or not client_id or not client_id.isprintable():
            raise _malformed("no name and secret")
        if presented.form.optional("client_id") not in (None, client_id):
            raise _malformed("two names in one request")
        return Proof(client_id, credential)

    def is_proven(self, proof: Proof, client: Client, now: int) -> bool:
        """Compare digests in constant time."""
        return secrets.is_one_of(proof.credential, client.secrets, now)


def _malformed(detail: str) -> InvalidClient:
    return InvalidClient("client authentication failed", detail=detail)
