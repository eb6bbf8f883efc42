"""Refusals: stable words, and a challenge that stays one well-formed header."""

from __future__ import annotations

import re

import pytest

from resource_server.verifier import errors
from resource_server.verifier.errors import InsufficientScope, KeysUnavailable, NoToken, OriginNotAllowed, TokenRefused

# What stands for several reasons, and is never raised itself.
KINDS = (TokenRefused, errors.Undecided)
EVERY = sorted(
    (c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, TokenRefused) and c not in KINDS),
    key=lambda c: c.__name__,
)
REASONS = {
    "algorithm_not_allowed": 401,
    "bad_claim": 401,
    "bad_signature": 401,
    "bound_token": 401,
    "expired": 401,
    "forbidden_header": 401,
    "insufficient_scope": 403,
    "insufficient_user_authentication": 401,
    "invalid_request": 400,
    "issued_in_the_future": 401,
    "keys_unavailable": 503,
    "lifetime_too_long": 401,
    "malformed_token": 401,
    "missing_claim": 401,
    "missing_permission": 403,
    "missing_role": 403,
    "no_token": 401,
    "not_yet_valid": 401,
    "origin_not_allowed": 403,
    "person_required": 403,
    "revocations_unknown": 503,
    "revoked": 401,
    "revoked_key": 401,
    "token_too_large": 401,
    "undecryptable": 401,
    "unknown_key": 401,
    "wrong_audience": 401,
    "wrong_issuer": 401,
    "wrong_type": 401,
}
# RFC 9110 section 11.6.1, for one challenge whose parameters are all quoted strings.
CHALLENGE = re.compile(r'Bearer( [a-z_]+="[ !#-\[\]-~]*"(, [a-z_]+="[ !#-\[\]-~]*")*)?')


def make(kind: type[TokenRefused]) -> TokenRefused:
    return kind(["notes:read"]) if kind is InsufficientScope else kind()  # type: ignore[arg-type,call-arg]


def test_reasons_and_statuses_are_stable() -> None:
    assert {kind.reason: kind.status for kind in EVERY} == REASONS


@pytest.mark.parametrize("kind", EVERY)
def test_every_challenge_is_well_formed_and_fits_the_status(kind: type[TokenRefused]) -> None:
    refusal = make(kind)
    refusal.resource_metadata = "https://notes.example.com/.well-known/oauth-protected-resource"

    # Another token would not help a page of another origin, and none is asked for while nothing can be decided.
    assert (refusal.challenge is None) == (refusal.status == 503 or kind is OriginNotAllowed)
    assert refusal.challenge is None or CHALLENGE.fullmatch(refusal.challenge)


def test_no_code_is_told_when_no_token_was_sent() -> None:
    assert NoToken().challenge == "Bearer"


@pytest.mark.parametrize("injected", ['a"b', "a\\b", "a\r\nSet-Cookie: x", "é", "a\x00b"])
def test_no_value_breaks_out_of_the_challenge(injected: str) -> None:
    refusal = InsufficientScope([injected])
    refusal.resource_metadata = injected

    assert CHALLENGE.fullmatch(refusal.challenge or "")


def test_the_hint_is_not_part_of_the_challenge_or_the_message() -> None:
    refusal = errors.WrongAudience("secret detail")

    assert "secret" not in f"{refusal.challenge} {refusal}"


def test_retry_after_is_at_least_a_second() -> None:
    assert KeysUnavailable(retry_after=0).retry_after == 1
