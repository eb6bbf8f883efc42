"""The law of totality: whatever bytes come, a token or a declared refusal goes out, and nothing that was changed passes."""

from __future__ import annotations

import json
from contextlib import suppress
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from resource_server.verifier.errors import TokenRefused
from resource_server.verifier.key_set import parse_key_set
from resource_server.verifier.policy import Policy
from resource_server.verifier.verify import find_key_id, verify
from shared import base64url
from tests.fuzz import mutations
from tests.resource_server.support import AUDIENCE, ISSUER, NOW, a_header, claims

KEYS = parse_key_set(mutations.key_set_document(), mutations.ALGORITHMS)
POLICY = Policy(ISSUER, frozenset({AUDIENCE}), mutations.ALGORITHMS)
GOOD = mutations.corpus()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def refused(token: bytes) -> None:
    with pytest.raises(TokenRefused):
        verify(token, KEYS, POLICY, NOW)


def tried(token: bytes) -> None:
    """Let either come, and nothing else."""
    for judge in (lambda: verify(token, KEYS, POLICY, NOW), lambda: find_key_id(token, POLICY)):
        with suppress(TokenRefused):
            judge()


@given(st.binary(max_size=300))
@example(b"..")
@example(b"\xff.\xff.\xff")
def test_any_bytes_are_refused(token: bytes) -> None:
    refused(token)


@given(st.lists(st.text("ABCab01-_=+/.", max_size=40), max_size=6).map(lambda parts: ".".join(parts).encode()))
def test_anything_of_the_alphabet_is_refused(token: bytes) -> None:
    refused(token)


@given(st.sampled_from(GOOD), st.data())
@settings(max_examples=300)
def test_a_good_token_with_any_byte_changed_is_refused(token: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != token[place]))

    refused(token[:place] + bytes([other]) + token[place + 1 :])


@given(st.integers(0, 2**32))
@settings(max_examples=300)
def test_a_good_token_broken_in_any_way_is_refused(seed: int) -> None:
    refused(mutations.broken(Random(seed)))


@given(st.dictionaries(st.sampled_from(mutations.NAMES), JSON, max_size=6))
def test_any_claims_validly_signed_give_a_token_or_a_refusal(members: dict[str, object]) -> None:
    payload = json.dumps({**claims(), **members})
    tried(mutations.signed(payload, json.dumps(mutations.header_of(mutations.SIGNERS[0])), mutations.SIGNERS[0]))


@given(st.dictionaries(st.sampled_from(mutations.HEADER_NAMES), JSON, max_size=4))
def test_any_header_validly_signed_gives_a_token_or_a_refusal(members: dict[str, object]) -> None:
    tried(
        mutations.signed(json.dumps(claims()), json.dumps({**a_header(kid="ed", alg="Ed25519"), **members}), mutations.SIGNERS[0])
    )


@given(JSON)
def test_any_json_as_claims_or_header_gives_a_token_or_a_refusal(value: object) -> None:
    text = json.dumps(value)
    good = json.dumps(mutations.header_of(mutations.SIGNERS[0]))
    tried(mutations.signed(text, good, mutations.SIGNERS[0]))
    tried(mutations.signed(json.dumps(claims()), text, mutations.SIGNERS[0]))


@given(st.binary(max_size=200))
def test_any_bytes_as_claims_validly_signed_are_refused(payload: bytes) -> None:
    refused(mutations.signed(payload, json.dumps(mutations.header_of(mutations.SIGNERS[0])), mutations.SIGNERS[0]))
    assert base64url.decode(base64url.encode(payload).encode()) == payload


@given(st.integers(0, 2**32))
def test_any_key_set_is_read_or_refused(seed: int) -> None:
    try:
        parse_key_set(mutations.key_sets(Random(seed)), mutations.ALGORITHMS)
    except ValueError:
        return
