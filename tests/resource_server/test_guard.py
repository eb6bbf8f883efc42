"""The guard: what it asks for, what it remembers, when it is ready."""

from __future__ import annotations

import asyncio
import copy
import threading
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from resource_server import Guard, Issuer, Principal, TokenRefused
from resource_server.presented import compact_of
from resource_server.sought import Sought
from resource_server.verifier import errors
from shared.settings import SettingsError
from tests.resource_server.feeds import until, warm_until_told
from tests.resource_server.support import (
    AUDIENCE,
    ISSUER,
    NOW,
    Events,
    IssuerServer,
    Reply,
    a_guard,
    a_header,
    a_token,
    claims,
)


def test_a_good_token_makes_a_principal(guard: Guard, issuer: IssuerServer) -> None:
    token = issuer.token(roles=["editor"], entitlements=["notes:write"], act={"sub": "helper"}).decode()

    who = guard.verify(token)

    assert (who.sub, who.client_id, who.scopes, who.roles) == ("alice", "app", {"notes:read"}, {"editor"})
    assert (who.groups, who.entitlements, who.expires_at, who.is_person) == (set(), {"notes:write"}, NOW + 600, True)
    assert (who.actor, who.claims["jti"], who.raw) == ({"sub": "helper"}, "token-1", token)
    assert token not in repr(who)
    assert asyncio.run(guard.averify(token.encode())) == who


def test_the_claims_of_a_principal_cannot_be_changed(guard: Guard, issuer: IssuerServer) -> None:
    token = issuer.token(roles=["a"])

    with pytest.raises(TypeError):
        guard.verify(token).claims["sub"] = "mallory"
    assert guard.verify(token).sub == "alice"
    assert guard.verify(token).claims["roles"] == ("a",)


def test_a_principal_can_be_asked_for_more(guard: Guard, issuer: IssuerServer) -> None:
    who = guard.verify(issuer.token(roles=["editor"], entitlements=["x"]))

    who.require("notes:read", role="editor", permission="x", person=True)
    for ask in (
        lambda: who.require("notes:write"),
        lambda: who.require(role="admin"),
        lambda: who.require(permission="y"),
    ):
        with pytest.raises(TokenRefused):
            ask()
    with pytest.raises(ValueError, match="empty"):
        who.require()


@pytest.mark.parametrize("token", ["", b"", "é", "\ud800", "a.b.c", b"\xff.\xff.\xff", "x" * 9000, None, 1, object()])
def test_whatever_is_given_the_answer_is_a_refusal(guard: Guard, token) -> None:
    with pytest.raises(TokenRefused) as refusal:
        guard.verify(token)
    assert refusal.value.resource_metadata == "https://notes.example.com/.well-known/oauth-protected-resource"
    with pytest.raises(TokenRefused):
        asyncio.run(guard.averify(token))


# Making one.


@pytest.mark.parametrize(
    "wrong",
    [
        {"audience": ""},
        {"audience": ()},
        {"audience": ["", AUDIENCE]},
        {"audience": None},
        {"issuer": None},
        {"issuer": []},
        {"cached_tokens": -1},
        {"algorithms": "HS256"},
        {"issuer": ""},
        {"issuer": "http://id.example.com"},
        {"issuer": "id.example.com"},
        {"issuer": "https://id.example.com?x"},
        {"issuer": "file:///x"},
        {"metadata_url": "http://auth-server:8000"},
        {"metadata_url": "ftp://x"},
        {"algorithms": ()},
        {"algorithms": ("HS256",)},
        {"leeway": 61},
        {"max_lifetime": 3601},
        {"jwks_refresh": 0},
        {"jwks_refresh": float("nan")},
        {"max_stale": 299},
        {"max_stale": float("inf")},
    ],
)
def test_a_guard_that_would_guard_nothing_is_not_made(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Guard(**{"issuer": ISSUER, "audience": AUDIENCE, **wrong})


def test_there_is_no_guard_without_an_audience() -> None:
    with pytest.raises(TypeError):
        Guard(issuer=ISSUER)  # type: ignore[call-arg]


def test_one_algorithm_may_be_named_as_text() -> None:
    for guard in (
        Guard(issuer=ISSUER, audience=AUDIENCE, algorithms="PS256"),
        Guard(issuer=Issuer(ISSUER, algorithms="PS256"), audience=AUDIENCE),
    ):
        assert guard.policy.algorithms == {"PS256"}


def test_making_one_makes_no_connection_and_no_thread() -> None:
    before = threading.active_count()
    Guard(issuer="https://id.invalid", audience=AUDIENCE)
    Guard(issuer="http://auth-server:8000", audience=AUDIENCE, insecure_http=True)

    assert threading.active_count() == before


# Readiness.


def test_a_guard_is_ready_once_it_has_keys(guard: Guard) -> None:
    readiness = guard.warm(5)

    assert readiness
    assert readiness.reasons == readiness.warnings == ()
    assert asyncio.run(guard.awarm(5)).ready


def test_warming_may_be_awaited_as_well(guard: Guard) -> None:
    async def lifespan() -> bool:
        return (await guard.warm(5)).ready

    assert asyncio.run(lifespan())


def test_a_guard_without_keys_says_why_it_is_not_ready(issuer: IssuerServer) -> None:
    issuer.describe(issuer="https://evil.example")
    with a_guard(issuer) as guard:
        readiness = warm_until_told(guard)

    assert not readiness
    assert "evil.example" in readiness.reasons[0]


def test_a_setting_that_does_not_fit_the_issuer_is_no_readiness_at_first_and_a_warning_later(issuer: IssuerServer) -> None:
    policy = {
        "access_token_lifetime": 600,
        "clock_error": 30,
        "leeway": 60,
        "jwks_max_age": 300,
        "publish_ahead": 601,
        "retire_after": 86400,
        "sign_lease": 60,
        "view_lease": 300,
    }
    issuer.describe(key_policy=policy)
    with a_guard(issuer, jwks_refresh=241) as guard:
        readiness = guard.warm(5)
        assert not readiness
        assert "jwks_refresh" in readiness.reasons[0]
        assert guard.verify(issuer.token())

    with a_guard(issuer, jwks_refresh=240) as guard:
        assert guard.warm(5)
        guard._issuers.first.keys.key_policy = type(guard._issuers.first.keys.key_policy)(publish_ahead=10)  # type: ignore[misc]
        later = guard.ready()
        assert later
        assert "jwks_refresh" in later.warnings[0]


def test_saved_keys_make_a_guard_ready_while_the_issuer_is_down(issuer: IssuerServer, tmp_path: Path) -> None:
    events = Events()
    with a_guard(issuer, state_dir=tmp_path) as guard:
        guard.warm(5)
        guard.close()
        guard._issuers.first.keys._thread.join(5)  # type: ignore[union-attr]
    issuer.replies.clear()

    with a_guard(issuer, state_dir=str(tmp_path), on_event=events) as guard:
        assert guard.warm(5)
        assert guard.verify(issuer.token()).sub == "alice"


def test_statistics_count_what_happened(guard: Guard, issuer: IssuerServer) -> None:
    assert guard.statistics()["keys"] == 0
    guard.verify(issuer.token())

    counted = guard.statistics()
    assert (counted["keys"], counted["fetches"], counted["failed_fetches"], counted["verified_tokens"]) == (1, 1, 0, 1)
    assert counted["keys_age_seconds"] >= 0


def test_the_metadata_document_names_the_issuer_and_the_resource() -> None:
    guard = Guard(issuer=ISSUER, audience=AUDIENCE)

    assert guard.metadata(["b", "a"], name="Notes", documentation="https://notes.example.com/docs") == {
        "resource": AUDIENCE,
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["a", "b"],
        "resource_name": "Notes",
        "resource_documentation": "https://notes.example.com/docs",
    }
    assert "scopes_supported" not in guard.metadata()
    with pytest.raises(ValueError, match="scope"):
        guard.metadata(["a b"])


def test_an_audience_that_is_no_address_has_no_metadata_address(issuer: IssuerServer) -> None:
    with a_guard(issuer, audience=["orders", AUDIENCE]) as guard, pytest.raises(TokenRefused) as refusal:
        guard.verify("x")

    assert refusal.value.resource_metadata is None


def test_events_go_to_the_log_unless_told_otherwise(issuer: IssuerServer, caplog: pytest.LogCaptureFixture) -> None:
    issuer.replies["/jwks"] = Reply(b"<html>")
    guard = Guard(issuer=issuer.url, audience=AUDIENCE)
    warm_until_told(guard)
    until(lambda: any(r.name == "resource_server" and "keys_fetch_failed" in r.getMessage() for r in caplog.records))
    guard.close()


def test_a_look_is_enough_for_a_known_key_and_else_there_is_something_to_await(issuer: IssuerServer) -> None:
    async def look(guard: Guard, token: bytes) -> Principal:
        who = guard.look(token)
        assert not isinstance(who, Principal)
        return await who

    with a_guard(issuer) as guard:
        token = issuer.token()
        assert asyncio.run(look(guard, token)).sub == "alice"  # nothing was fetched yet

    with a_guard(issuer) as guard:
        sought = guard.look(token.decode())
        assert isinstance(sought, Sought)
        assert sought.wait().sub == "alice"

        who = guard.look(token)
        assert isinstance(who, Principal)
        assert (who, who.raw) == (guard.verify(token), token.decode())
        with pytest.raises(errors.WrongAudience) as refused:
            guard.look(issuer.token(aud="https://other.example"))
        unknown = a_token(claims(iss=issuer.url), a_header(kid="nobody"))
        with pytest.raises(errors.UnknownKey) as never_found:
            asyncio.run(look(guard, unknown))
    assert refused.value.resource_metadata == never_found.value.resource_metadata is not None


def test_a_caller_cannot_be_changed_or_made_by_hand(issuer: IssuerServer) -> None:
    with a_guard(issuer) as guard:
        who = guard.verify(issuer.token())
    slots = ((who, "compact"), (who, "token"), (who.token, "_claims"), (who.token, "subject"), (who.token, "expires_at"))
    for thing, name in slots:
        with pytest.raises(FrozenInstanceError):
            setattr(thing, name, "changed")
        with pytest.raises(FrozenInstanceError):
            delattr(thing, name)
    for derived in ("claims", "read", "scopes", "roles"):  # no slots
        held = getattr(who.token, derived)
        with pytest.raises(FrozenInstanceError):
            setattr(who.token, derived, frozenset({"admin"}))
        assert getattr(who.token, derived) == held != {"admin"}
    assert who.claims is who.claims is who.token.read
    assert who.claims["iss"] not in repr(who.token)
    with pytest.raises(TypeError):
        type(who.token)()
    assert copy.copy(who) == who
    assert Principal(who.token, who.compact) == who


def test_the_size_is_judged_before_anything_is_computed() -> None:
    with pytest.raises(errors.TokenTooLarge):
        compact_of("a" * 8193)


# From the environment.


def test_a_guard_may_be_made_from_the_environment() -> None:
    guard = Guard.from_env(
        {
            "RESOURCE_SERVER_ISSUER": ISSUER,
            "RESOURCE_SERVER_AUDIENCE": AUDIENCE,
            "RESOURCE_SERVER_PROFILE": "keycloak",
            "RESOURCE_SERVER_LEEWAY": "30",
        }
    )

    assert (guard.policy.issuer, guard.resource, guard.policy.leeway) == (ISSUER, AUDIENCE, 30)
    assert guard.policy.profile.name == "keycloak"


def test_a_guard_from_the_environment_has_to_be_told_its_audience_and_hears_of_every_fault() -> None:
    with pytest.raises(SettingsError) as error:
        Guard.from_env({"RESOURCE_SERVER_ISSUER": ISSUER})
    assert "RESOURCE_SERVER_AUDIENCE" in error.value.faults[0]
    with pytest.raises(SettingsError) as error:
        Guard.from_env({"RESOURCE_SERVER_LEEWAY": "61", "RESOURCE_SERVER_PROFILE": "okta"})
    assert len(error.value.faults) == 3
