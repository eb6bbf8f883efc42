"""What the kit itself answers by HTTP: refusals (RFC 6750 section 3, RFC 9728 section 5.1), and the API's metadata (RFC 9728)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from resource_server.verifier.errors import TokenRefused


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the client. Header names are lower case, as ASGI wants them."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def answer(refusal: TokenRefused, resource_metadata: str | None = None) -> Answer:
    """Return the answer to a refused request.

    It holds fixed texts, the stable reason, and the scope that would have been enough: nothing of the token, and not the hint, which
    repeats parts of it.

    Args:
        resource_metadata: address of this API's metadata document; told to whoever must find the issuer.
    """
    if refusal.resource_metadata is None:
        refusal.resource_metadata = resource_metadata
    code = refusal.error or ("temporarily_unavailable" if refusal.status == 503 else refusal.reason)
    body = {"error": code, "error_description": refusal.description, "reason": refusal.reason}
    headers = [("content-type", "application/json"), ("cache-control", "no-store")]
    if refusal.challenge is not None:
        headers.append(("www-authenticate", refusal.challenge))
    if refusal.retry_after is not None:
        headers.append(("retry-after", str(refusal.retry_after)))
    encoded = json.dumps(body, separators=(",", ":")).encode()
    return Answer(refusal.status, (*headers, ("content-length", str(len(encoded)))), encoded)


def document_answer(document: Mapping[str, object]) -> Answer:
    """Return the answer with an API's own metadata. Browser clients find the issuer by it, and it holds nothing about anybody."""
    body = json.dumps(document, separators=(",", ":")).encode()
    headers = (
        ("content-type", "application/json"),
        ("cache-control", "max-age=300"),
        ("access-control-allow-origin", "*"),
        ("content-length", str(len(body))),
    )
    return Answer(200, headers, body)
