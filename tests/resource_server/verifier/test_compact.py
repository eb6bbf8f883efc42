"""The compact form and its header."""

from __future__ import annotations

import pytest

from resource_server.verifier.compact import MAX_KEY_ID_CHARACTERS, Header, parse_header, split
from resource_server.verifier.errors import (
    AlgorithmNotAllowed,
    ForbiddenHeader,
    MalformedToken,
    TokenRefused,
    TokenTooLarge,
    WrongType,
)
from shared.jose import FORBIDDEN_HEADER_MEMBERS, MAX_COMPACT_BYTES
from tests.resource_server.support import a_header, a_token, segment


def test_parts_are_those_between_the_dots() -> None:
    compact = a_token()

    header, payload, signing_input, signature = split(compact)

    assert header + b"." + payload == signing_input
    assert compact.startswith(signing_input + b".")
    assert len(signature) == 256


@pytest.mark.parametrize("compact", [b"", b".", b"a", b"a.b", b"a.b.c.d", b"a.b.c.d.e", b"." * 1000])
def test_anything_but_three_parts_is_malformed(compact: bytes) -> None:
    with pytest.raises(MalformedToken):
        split(compact)


def test_the_bound_of_size_is_exact() -> None:
    longest = b"a.b." + b"A" * (MAX_COMPACT_BYTES - 4)

    assert split(longest)
    with pytest.raises(TokenTooLarge):
        split(longest + b"A")


@pytest.mark.parametrize("kind", ["at+jwt", "AT+JWT", "At+Jwt", "application/at+jwt", "Application/AT+JWT"])
def test_both_spellings_of_the_type_are_taken_in_any_case(kind: str) -> None:
    assert parse_header(segment(a_header(typ=kind))) == Header("RS256", "one")


@pytest.mark.parametrize("member", sorted(FORBIDDEN_HEADER_MEMBERS))
def test_a_header_that_brings_or_names_a_key_or_changes_the_meaning_is_refused(member: str) -> None:
    with pytest.raises(ForbiddenHeader):
        parse_header(segment(a_header(**{member: None})))


@pytest.mark.parametrize(
    "members, refusal",
    [
        ({"typ": ...}, WrongType),
        ({"typ": "JWT"}, WrongType),
        ({"typ": 1}, WrongType),
        ({"typ": "at+jwt "}, WrongType),
        ({"alg": ...}, AlgorithmNotAllowed),
        ({"alg": ["RS256"]}, AlgorithmNotAllowed),
        ({"kid": ...}, MalformedToken),
        ({"kid": ""}, MalformedToken),
        ({"kid": 1}, MalformedToken),
        ({"cty": ["JWT"]}, MalformedToken),
        ({"kid": "k" * (MAX_KEY_ID_CHARACTERS + 1)}, MalformedToken),
    ],
)
def test_a_member_that_is_missing_or_of_another_form_has_its_refusal(members: dict, refusal: type[TokenRefused]) -> None:
    with pytest.raises(refusal):
        parse_header(segment(a_header(**members)))


def test_unknown_members_are_no_fault() -> None:
    assert parse_header(segment(a_header(cty="x", extra=[1])))
