"""Each refusal of the kit, produced through a real guard and a real adapter over real HTTP fetches of keys."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwe
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from resource_server import Guard
from resource_server.decryption import DecryptionKeys
from resource_server.verifier.errors import Undecryptable
from tests.resource_server.calls import HttpAnswer, call
from tests.resource_server.feeds import a_feed, until
from tests.resource_server.support import (
    AUDIENCE,
    NOW,
    Events,
    IssuerServer,
    a_guard,
    a_header,
    a_token,
    an_issuer,
    claims,
    rs256,
    rsa_jwk,
    rsa_key,
)

ISSUER: Final = "https://id.example.com"


@dataclass(frozen=True)
class Refused:
    """A refused request: what the client saw, and what the operator was told."""

    answer: HttpAnswer
    told: list[dict[str, object]]


Produce = Callable[[Any, IssuerServer], HttpAnswer]


def with_token(
    path: str = "/me", /, *, header: dict[str, object] | None = None, other_key: bool = False, **members: object
) -> Produce:
    """A request with one token, of these claims and this header, by our key or by another."""

    def produce(app: Any, issuer: IssuerServer) -> HttpAnswer:
        payload = claims(**{"iss": issuer.url, **members})
        return call(app, path, token=a_token(payload, a_header(**(header or {})), rs256(rsa_key("other")) if other_key else None))

    return produce


def raw(*values: bytes) -> Produce:
    """A request with these values of the Authorization header."""
    return lambda app, _issuer: call(app, headers=tuple((b"authorization", value) for value in values))


def burned(app: Any, issuer: IssuerServer) -> HttpAnswer:
    issuer.publish(rsa_jwk("two"), revoked=["one"])
    return with_token()(app, issuer)


def dark(app: Any, issuer: IssuerServer) -> HttpAnswer:
    issuer.replies = {}
    return with_token()(app, issuer)


def ended(app: Any, issuer: IssuerServer) -> HttpAnswer:
    answers = []

    def is_refused() -> bool:
        answers.append(with_token(sid="xdrvD2QzhWumUcteB9DyBw")(app, issuer))
        return answers[-1].status == 401

    with a_feed(issuer) as feed:
        feed.revoke("sid", "xdrvD2QzhWumUcteB9DyBw")
        until(is_refused)
    return answers[-1]


def for_another_api(app: Any, issuer: IssuerServer) -> HttpAnswer:
    elsewhere = ECKey.generate_key("P-256", {"use": "enc", "kid": "lRb0kzVN5mGbGQyDB1j6A2GRTjqhPyEyRvwtl9kXRQU"}, private=True)
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "cty": "JWT", "kid": elsewhere.kid}
    registry = jwe.JWERegistry(algorithms=["ECDH-ES", "A256GCM"])
    nested = jwe.encrypt_compact(header, a_token(claims(iss=issuer.url)), elsewhere, registry=registry)
    return call(app, token=nested.encode("ascii"))


class _OneKey(DecryptionKeys):
    """Keys whose name is the same in every run, for a page to show."""

    def open(self, compact: bytes) -> bytes:
        try:
            return super().open(compact)
        except Undecryptable as refusal:
            keys: Any = self.public_jwks()["keys"]
            (key,) = keys
            hint = str(refusal.hint).replace(str(key["kid"]), "m7kDZRtS7wE0PqNMq4KdN3cVpWfVnTzKZ0Tg2D3u5cE")
            raise Undecryptable(hint) from refusal


PRODUCED: Final[dict[str, Produce]] = {
    "no_token": raw(),
    "invalid_request": raw(b"Bearer a", b"Bearer b"),
    "malformed_token": raw(b"Bearer not-a-jwt"),
    "token_too_large": raw(b"Bearer " + b"x" * 9000),
    "algorithm_not_allowed": with_token(header={"alg": "HS256"}),
    "wrong_type": with_token(header={"typ": "JWT"}),
    "forbidden_header": with_token(header={"jku": "https://evil.example/keys"}),
    "undecryptable": for_another_api,
    "unknown_key": with_token(header={"kid": "other"}, other_key=True),
    "revoked_key": burned,
    "bad_signature": with_token(other_key=True),
    "expired": with_token(exp=NOW - 3600, iat=NOW - 4200),
    "not_yet_valid": with_token(nbf=NOW + 3600, exp=NOW + 600),
    "issued_in_the_future": with_token(iat=NOW + 300, exp=NOW + 900),
    "lifetime_too_long": with_token(exp=NOW + 86_400),
    "wrong_issuer": with_token(iss="http://localhost:8000"),
    "wrong_audience": with_token(aud="https://billing.example.com"),
    "missing_claim": with_token(jti=...),
    "bad_claim": with_token(roles="admin"),
    "bound_token": with_token(cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
    "insufficient_scope": with_token("/scope"),
    "missing_role": with_token("/role"),
    "missing_permission": with_token("/permission"),
    "person_required": with_token("/person", sub="app"),
    "insufficient_user_authentication": with_token("/fresh", acr="pwd", auth_time=NOW - 7200),
    "origin_not_allowed": lambda app, issuer: call(
        app,
        "/me",
        method="POST",
        headers=((b"cookie", b"access_token=" + a_token(claims(iss=issuer.url))), (b"origin", b"https://other.example.com")),
    ),
    "keys_unavailable": dark,
    "revoked": ended,
    "revocations_unknown": with_token("/known"),
}


def produce(reason: str) -> Refused:
    """Cause a refusal for this reason; what is different each time (the issuer's port) is replaced by an example."""
    with (
        tempfile.TemporaryDirectory() as folder,
        an_issuer() as issuer,
        a_guard(
            issuer,
            on_event=Events(),
            cookie_origins=["https://shop.example.com"],
            decryption=_OneKey(folder, AUDIENCE) if reason == "undecryptable" else None,
        ) as guard,
    ):
        events = Events()
        guard._tell = events  # type: ignore[misc]
        answer = PRODUCED[reason](_app(guard), issuer)
        told = [{**fields, "hint": _example(fields["hint"], issuer)} for fields in events.named("token_refused")]
    return Refused(answer, told)


def _example(hint: object, issuer: IssuerServer) -> str | None:
    return None if hint is None else str(hint).replace(issuer.url, ISSUER)


def _app(guard: Guard) -> Any:
    async def endpoint(_request: Request) -> Response:
        return PlainTextResponse("in")

    needs = {
        "/me": guard.requires(),
        "/scope": guard.requires("notes:write"),
        "/role": guard.requires(role="admin"),
        "/permission": guard.requires(permission="notes:purge"),
        "/person": guard.requires(person=True),
        "/known": guard.requires(silent_feed="closed"),
        "/fresh": guard.requires(acr="mfa", max_age=3600),
    }
    return guard.wrap(
        Starlette(routes=[Route(path, needed(endpoint), methods=["GET", "POST"]) for path, needed in needs.items()])
    )


__all__ = ["AUDIENCE", "PRODUCED", "Refused", "produce"]
