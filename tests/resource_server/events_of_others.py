"""Security event tokens as a transmitter makes them, and what their receiver shows it."""

from __future__ import annotations

import asyncio
from typing import Any

from resource_server.signals import Signals
from tests.resource_server.support import (
    IssuerServer,
    a_header,
    a_token,
    rs256,
    rsa_key,
)
from tests.resource_server.verifier.test_security_event import set_claims

BEARER = "Bearer of-this-api"


def a_set(issuer: IssuerServer, *, kid: str = "one", **members: object) -> bytes:
    person = {"format": "iss_sub", "iss": issuer.url, "sub": "alice"}
    about = {"format": "complex", "user": person, "session": {"format": "opaque", "id": "s1"}}
    payload = set_claims(**{"iss": issuer.url, "sub_id": about, **members})
    return a_token(payload, a_header(typ="secevent+jwt", kid=kid), rs256(rsa_key(kid)))


def push(signals: Signals, body: bytes, method: str = "POST", **headers: str) -> tuple[int, dict[str, str], bytes]:
    sent: list[dict[str, Any]] = []
    given = {"content-type": "application/secevent+jwt", "authorization": BEARER, **headers}
    scope = {"type": "http", "method": method, "headers": [(n.encode(), v.encode()) for n, v in given.items()]}
    parts: list[dict[str, Any]] = [
        {"type": "http.request", "body": body[:10], "more_body": True},
        {"type": "http.request", "body": body[10:]},
    ]

    async def receive() -> dict[str, Any]:
        return parts.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(signals(scope, receive, send))
    return sent[0]["status"], {n.decode(): v.decode() for n, v in sent[0]["headers"]}, sent[1]["body"]
