"""Functions that are called with a token."""

from __future__ import annotations

import asyncio

import pytest

from resource_server import Guard
from resource_server.verifier import errors
from tests.resource_server.support import IssuerServer, a_token, claims


def test_a_function_runs_for_a_good_token_and_knows_its_caller(guard: Guard, issuer: IssuerServer) -> None:
    @guard.protected("notes:read", get_token=lambda job, token: token)
    def work(job: str, token: bytes) -> tuple[str, str]:
        return job, guard.current.sub

    assert work("sweep", token=a_token(claims(iss=issuer.url))) == ("sweep", "alice")
    with pytest.raises(LookupError):
        _ = guard.current


def test_an_async_function_does_so_too(guard: Guard, issuer: IssuerServer) -> None:
    @guard.protected(get_token=lambda event: event["token"])
    async def work(event: dict[str, str]) -> str:
        await asyncio.sleep(0)
        return guard.current.sub

    async def both() -> list[str]:
        events = [{"token": a_token(claims(iss=issuer.url, sub=name)).decode()} for name in ("a", "b")]
        return await asyncio.gather(*(work(event) for event in events))

    assert asyncio.run(both()) == ["a", "b"]


def test_a_function_does_not_run_for_anybody_else(guard: Guard, issuer: IssuerServer) -> None:
    ran = []

    @guard.protected("notes:read", role="admin", get_token=lambda token: token)
    def work(token: object) -> None:
        ran.append(token)

    for token, refusal in (
        (a_token(claims(iss=issuer.url, aud="x")), errors.WrongAudience),
        (a_token(claims(iss=issuer.url, scope="x", roles=["admin"])), errors.InsufficientScope),
        (a_token(claims(iss=issuer.url)), errors.MissingRole),
        (b"", errors.MalformedToken),
        (None, errors.NoToken),
    ):
        with pytest.raises(refusal):
            work(token)
    assert not ran


def test_a_sign_in_must_be_as_fresh_as_the_function_asks(guard: Guard, issuer: IssuerServer) -> None:
    """RFC 9470, through the guard's own clock and leeway."""
    now = int(guard._clock())

    @guard.protected(max_age=300, get_token=lambda token: token)
    def work(token: bytes) -> str:
        return guard.current.sub

    assert work(a_token(claims(iss=issuer.url, auth_time=now - 360))) == "alice"
    for old in (now - 361, ...):
        with pytest.raises(errors.InsufficientUserAuthentication):
            work(a_token(claims(iss=issuer.url, auth_time=old)))


def test_a_callers_own_require_takes_the_same_words(guard: Guard, issuer: IssuerServer) -> None:
    who = guard.verify(a_token(claims(iss=issuer.url, roles=["editor"], acr="pwd")))

    who.require("notes:read", any_role=["editor", "admin"])
    for rules, refusal in (
        ({"any_scope": ["a", "b"]}, errors.InsufficientScope),
        ({"any_role": ["admin"]}, errors.MissingRole),
        ({"any_permission": ["p"]}, errors.MissingPermission),
        ({"acr": "mfa"}, errors.InsufficientUserAuthentication),
        ({"max_age": 1}, errors.InsufficientUserAuthentication),
    ):
        with pytest.raises(refusal):
            who.require(**rules)
    with pytest.raises(ValueError, match="empty"):
        who.require()


def test_a_callers_repr_holds_no_token_and_no_claims(guard: Guard, issuer: IssuerServer) -> None:
    token = a_token(claims(iss=issuer.url, email="alice@mail.example"))
    shown = repr(guard.verify(token))

    assert shown == "Principal(sub='alice', client_id='app', scopes=['notes:read'], expires_at=1800000600)"
