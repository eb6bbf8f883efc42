"""The notes API under attack: the whole application, its guard, and the issuer's public side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from resource_server import Guard
from resource_server.demo.app import build_app
from tests.resource_server.calls import HttpAnswer, call
from tests.resource_server.support import IssuerServer, Signer, a_guard, a_header, a_token, an_issuer, claims


@dataclass
class Api:
    """An application, with what the tests of attacks ask of it."""

    issuer: IssuerServer
    guard: Guard
    app: Any

    def claims(self, **members: object) -> dict[str, object]:
        return claims(**{"iss": self.issuer.url, "scope": "notes:read notes:write", **members})

    def token(self, header: dict[str, object] | None = None, sign: Signer | None = None, **members: object) -> bytes:
        """A token that is good but for what is named."""
        return a_token(self.claims(**members), header or a_header(), sign)

    def ask(self, token: bytes | None, path: str = "/me", **how: Any) -> HttpAnswer:
        return call(self.app, path, token=token, **how)

    def refuses(self, token: bytes, reason: str | None = None, *, status: int = 401, error: str = "invalid_token") -> HttpAnswer:
        """Assert that a token is refused in the right words, and that nothing of it comes back."""
        answer = self.ask(token)
        assert answer.status == status, answer
        challenge = answer.header("www-authenticate") or ""
        assert challenge.startswith(f'Bearer error="{error}"'), challenge
        assert challenge.isascii()
        assert challenge.isprintable()
        body = answer.json
        assert set(body) == {"error", "error_description", "reason"}
        assert reason in (None, body["reason"]), body
        assert_nothing_leaks(token, answer)
        return answer

    def accepts(self, token: bytes) -> HttpAnswer:
        answer = self.ask(token)
        assert answer.status == 200, answer
        return answer


def assert_nothing_leaks(token: bytes, answer: HttpAnswer) -> None:
    """T22: neither the token nor any longer part of it is in the answer."""
    told = answer.body + "".join(f"{name}: {value}" for name, value in answer.headers).encode()
    for part in token.split(b"."):
        assert len(part) < 16 or part not in told
    assert b"token-1" not in told
    assert b"Traceback" not in told


@contextmanager
def an_api(**options: Any) -> Iterator[Api]:
    with an_issuer() as issuer, a_guard(issuer, **options) as guard:
        yield Api(issuer, guard, build_app(guard))


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()
