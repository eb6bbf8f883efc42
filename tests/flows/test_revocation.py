"""A revocation at the auth server is refused by another process, which asks nobody while a request waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from docs.demo.story import call
from tests.flows.pair import Pair, make_pair
from tests.support.keys import claims_of

# Tokens that outlive the test, and the timings that such a life asks for: a refusal is never for their age.
LIVES = {
    "AUTH_SERVER_ACCESS_TOKEN_LIFETIME": "120",
    "AUTH_SERVER_KEY_RETIRE_AFTER": "190",
    "AUTH_SERVER_KEY_ROTATION_PERIOD": "200",
}
BOUND = 15.0


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    pair = make_pair(
        tmp_path_factory.mktemp("revocation"), {"alice": ["editor"], "bob": ["editor"], "carol": ["editor"]}, **LIVES
    )
    pair.auth.start()
    pair.resource.start()
    yield pair
    pair.resource.stop()
    pair.auth.stop()


def _refused(pair: Pair, token: str) -> str:
    """Return the reason of the first refusal; a bound for a failure, not a measure."""
    give_up_at = time.monotonic() + BOUND
    while (answer := pair.get("/me", token)).status == 200:
        assert time.monotonic() < give_up_at, "still accepted after the bound that is promised"
        time.sleep(0.02)
    assert answer.status == 401
    return str(answer.body["reason"])


def _signed_in(pair: Pair, person: str) -> str:
    """A token whose session can be named to a command: by chance a sid begins with a hyphen, and would be taken for an option."""
    while claims_of(token := pair.access_token(person))["sid"].startswith("-"):
        pass
    return token


def _session(pair: Pair, token: str) -> None:
    pair.operate("session", "revoke", claims_of(token)["sid"], "--yes")


def _disabled(pair: Pair, token: str) -> None:
    pair.operate("user", "disable", claims_of(token)["sub"])


def _one_token(pair: Pair, token: str) -> None:
    assert call("POST", f"{pair.issuer}/revoke", form={"token": token, "client_id": "first-party"}).status == 200


@pytest.mark.parametrize("person, act", [("alice", _one_token), ("alice", _session), ("bob", _disabled)])
def test_what_is_revoked_is_refused_by_the_api_and_nothing_else_is(
    pair: Pair, person: str, act: Callable[[Pair, str], None]
) -> None:
    token, bystander = _signed_in(pair, person), pair.access_token("carol")
    assert pair.get("/me", token).status == 200

    act(pair, token)

    assert _refused(pair, token) == "revoked"
    assert pair.get("/me", bystander).status == 200


def test_a_token_made_after_a_revocation_works_at_once(pair: Pair) -> None:
    token = pair.access_token("carol")
    pair.operate("role", "revoke", "editor", "carol")

    fresh = pair.access_token("carol")

    assert _refused(pair, token) == "revoked"
    assert pair.get("/me", fresh).status == 200


def test_the_api_remembers_while_the_auth_server_is_away(pair: Pair) -> None:
    token, other = _signed_in(pair, "alice"), pair.access_token("alice")
    _session(pair, token)
    assert _refused(pair, token) == "revoked"

    pair.auth.stop()
    try:
        assert pair.get("/me", token).body["reason"] == "revoked"
        assert pair.get("/me", other).status == 200
    finally:
        pair.auth.start()
