"""A refusal as an HTTP answer."""

from __future__ import annotations

import json

import pytest

from resource_server.challenge import answer
from resource_server.verifier import errors
from tests.resource_server.verifier.test_errors import EVERY, make

METADATA = "https://notes.example.com/.well-known/oauth-protected-resource"


@pytest.mark.parametrize("kind", EVERY)
def test_every_refusal_has_an_answer_that_holds_fixed_words_only(kind: type[errors.TokenRefused]) -> None:
    refusal = make(kind)
    refusal.hint = "hint: a secret detail"

    given = answer(refusal, METADATA)

    headers = dict(given.headers)
    body = json.loads(given.body)
    assert given.status == refusal.status
    assert headers["cache-control"] == "no-store"
    assert headers["content-type"] == "application/json"
    assert headers["content-length"] == str(len(given.body))
    assert body["reason"] == refusal.reason
    assert set(body) == {"error", "error_description", "reason"}
    assert "secret" not in f"{given}"


def test_each_kind_of_answer_has_its_challenge() -> None:
    def challenge(refusal: errors.TokenRefused) -> str | None:
        return dict(answer(refusal, METADATA).headers).get("www-authenticate")

    pointer = f'resource_metadata="{METADATA}"'
    assert challenge(errors.NoToken()) == f"Bearer {pointer}"
    assert (challenge(errors.Expired()) or "").startswith('Bearer error="invalid_token", error_description="')
    assert 'scope="a b"' in (challenge(errors.InsufficientScope(["b", "a"])) or "")
    assert 'error="insufficient_scope"' in (challenge(errors.MissingRole()) or "")
    assert "scope=" not in (challenge(errors.MissingRole()) or "").replace("insufficient_scope", "")
    assert (challenge(errors.InvalidRequest()) or "").startswith('Bearer error="invalid_request"')
    assert challenge(errors.KeysUnavailable()) is None


def test_what_cannot_be_decided_says_when_to_come_back() -> None:
    given = answer(errors.KeysUnavailable(retry_after=7))

    assert (given.status, dict(given.headers)["retry-after"]) == (503, "7")
    assert json.loads(given.body)["error"] == "temporarily_unavailable"
