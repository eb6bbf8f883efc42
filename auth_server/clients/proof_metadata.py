"""Which keys and whose word a client may be registered with (RFC 7591 section 2, RFC 7523)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from auth_server.keys.foreign_jws import MOST_KEYS
from auth_server.keys.key_documents import KeyDocumentRefused, read_key
from auth_server.outbound.addresses import url_fault
from auth_server.protocol.client import Client, TrustedIssuer
from shared.jwk import PRIVATE_MEMBERS

JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PRIVATE_KEY_JWT: Final = "private_key_jwt"
_MOST_CHARACTERS: Final = 32 * 1024
_MOST_WORD: Final = 512


def proof_faults(client: Client) -> Iterator[str]:
    """Yield a sentence for each thing that is wrong with how a client is to prove itself by signatures."""
    if client.jwks is not None and client.jwks_uri is not None:
        yield "jwks and jwks_uri exclude each other"
    if client.jwks is not None and (fault := jwks_fault(client.jwks)):
        yield f"jwks {fault}"
    if client.jwks_uri is not None and (fault := url_fault(client.jwks_uri)):
        yield f"jwks_uri {fault}"
    has_keys = client.jwks is not None or client.jwks_uri is not None
    signs = client.auth_method == PRIVATE_KEY_JWT
    if signs and not has_keys and not client.trusted_issuers:
        yield "private_key_jwt needs jwks, jwks_uri or a trusted issuer to verify by"
    if client.trusted_issuers and not signs and JWT_BEARER not in client.grants:
        yield f"a trusted issuer is of use to private_key_jwt and to the grant {JWT_BEARER} alone"
    if JWT_BEARER in client.grants and not client.trusted_issuers:
        yield f"the grant {JWT_BEARER} needs a trusted issuer"
    named = [(each.issuer, each.subject) for each in client.trusted_issuers]
    if len(set(named)) != len(named):
        yield "a trusted issuer is named twice for one subject"
    for trusted in client.trusted_issuers:
        if fault := trusted_fault(trusted):
            yield f"trusted issuer {trusted.issuer}: {fault}"


def jwks_fault(text: str) -> str | None:
    """Return what is wrong with a JWK Set as text, or None."""
    if len(text) > _MOST_CHARACTERS:
        return "is too long"
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return "is no JSON"
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= MOST_KEYS or not all(isinstance(key, dict) for key in keys):
        return f"must be a JWK Set of 1 to {MOST_KEYS} keys"
    if any(PRIVATE_MEMBERS.intersection(key) for key in keys):
        # Whoever sent it made the key worthless, and should hear so rather than have it stored.
        return "holds a private or symmetric key: it must be public"
    return next((fault for key in keys if (fault := _key_fault(key))), None)


def trusted_fault(trusted: TrustedIssuer) -> str | None:
    """Return what is wrong with a trusted issuer, or None."""
    for word in (trusted.issuer, trusted.subject):
        if not 1 <= len(word) <= _MOST_WORD or not word.isprintable():
            return "issuer and subject are 1 to 512 printable characters, compared exactly"
    if trusted.jwks is not None and trusted.jwks_uri is not None:
        return "jwks and jwks_uri exclude each other"
    if trusted.jwks is not None:
        return (fault := jwks_fault(trusted.jwks)) and f"jwks {fault}"
    if trusted.jwks_uri is not None:
        return (fault := url_fault(trusted.jwks_uri)) and f"jwks_uri {fault}"
    # Its metadata say where its keys are (OpenID Connect Discovery), so they have to be within reach.
    return (fault := url_fault(trusted.issuer)) and f"{fault}, or its jwks must be given"


def _key_fault(key: dict[str, Any]) -> str | None:
    try:
        read_key(key)
    except KeyDocumentRefused as refusal:
        return f"holds a key that cannot be used: {refusal}"
    return None
