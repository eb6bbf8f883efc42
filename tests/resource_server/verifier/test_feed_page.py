"""A page of the feed is taken whole, from the right issuer, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from resource_server.verifier.feed_page import BadPage, Page, SignedByUnknownKey, verify_page
from resource_server.verifier.revoked import Revoked
from shared.revocation import RevocationEntry, RevocationKind
from tests.resource_server.support import ISSUER, NOW, a_header, a_key_set, a_token, rs256, rsa_jwk, rsa_key

KEY_SET = a_key_set(rsa_jwk(), rsa_jwk("two", rsa_key("two")))
ENTRY = {"n": 4, "t": NOW, "kind": "sid", "key": "s", "until": NOW + 720}


def _claims(**members: object) -> dict[str, object]:
    good = {"iss": ISSUER, "iat": NOW, "from": 4, "to": 4, "key_epoch": 7, "entries": [ENTRY], **members}
    return {name: value for name, value in good.items() if value is not ...}


def _page(payload: object = ..., header: dict[str, object] | None = None, revoked: Revoked | None = None, **sign: Any) -> Page:
    compact = a_token(
        _claims() if payload is ... else payload, a_header(**{"typ": "revocation-feed+jwt", **(header or {})}), sign.get("sign")
    )
    return verify_page(compact, KEY_SET, revoked or Revoked(), issuer=ISSUER, leeway=60, now=NOW)


def test_a_good_page() -> None:
    page = _page()

    entry = RevocationEntry(RevocationKind.SID, "s", NOW + 720)
    assert page == Page(first=4, last=4, key_epoch=7, is_snapshot=False, has_more=False, entries=[entry])


def test_a_kind_of_a_later_issuer_is_passed_over() -> None:
    page = _page(_claims(entries=[{**ENTRY, "kind": "device"}, ENTRY]))

    assert [entry.key for entry in page.entries] == ["s"]


def test_a_bound_belongs_to_the_kinds_that_have_one() -> None:
    bounded = {**ENTRY, "kind": "sub_nbf", "nbf": NOW}
    page = _page(_claims(entries=[bounded, {**ENTRY, "nbf": NOW}]))

    assert [entry.not_before for entry in page.entries] == [NOW, None]


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://evil.example.com"},
        {"iss": ...},
        {"iat": NOW - 76},
        {"iat": NOW + 61},
        {"iat": ...},
        {"from": -1},
        {"to": "4"},
        {"key_epoch": True},
        {"entries": ...},
        {"entries": "none"},
        {"entries": [7]},
        {"entries": [{**ENTRY, "key": 7}]},
        {"entries": [{**ENTRY, "key": "x" * 2049}]},
        {"entries": [{**ENTRY, "kind": None}]},
        {"entries": [{**ENTRY, "until": 1.5}]},
        {"entries": [{**ENTRY, "kind": "sub_nbf"}]},
    ],
)
def test_a_page_that_is_not_what_it_should_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadPage):
        _page(_claims(**wrong))


@pytest.mark.parametrize("off,words", [(-76, "signed 76 s ago"), (61, "signed 61 s in the future")])
def test_a_page_of_another_time_says_how_far_the_clocks_are_apart(off: int, words: str) -> None:
    with pytest.raises(BadPage, match=words):
        _page(_claims(iat=NOW + off))


@pytest.mark.parametrize(
    "header", [{"typ": "at+jwt"}, {"typ": "JWT"}, {"alg": "none"}, {"jku": "https://evil.example.com"}, {"crit": ["b64"]}]
)
def test_a_header_that_is_not_a_feeds_is_refused(header: dict[str, object]) -> None:
    with pytest.raises(BadPage):
        _page(header=header)


def test_an_access_token_is_no_page_and_a_page_is_no_access_token() -> None:
    with pytest.raises(BadPage, match="wrong_type"):
        verify_page(a_token(_claims()), KEY_SET, Revoked(), issuer=ISSUER, leeway=60, now=NOW)


def test_a_foreign_signature_is_refused() -> None:
    with pytest.raises(BadPage, match="bad_signature"):
        _page(sign=rs256(rsa_key("two")))


def test_an_unknown_key_is_named_so_that_it_can_be_looked_for() -> None:
    with pytest.raises(SignedByUnknownKey) as unknown:
        _page(header={"kid": "three"})

    assert unknown.value.key_id == "three"


def test_a_burned_key_vouches_for_nothing() -> None:
    revoked = Revoked()
    revoked.add(RevocationEntry(RevocationKind.KID, "one", NOW))

    with pytest.raises(BadPage, match="burned"):
        _page(revoked=revoked)


def test_of_a_keys_end_only_another_key_may_tell() -> None:
    """Taken, the cursor would move past the entry, and the key would go on being trusted."""
    burn = _claims(entries=[{**ENTRY, "kind": "kid", "key": "one"}])

    with pytest.raises(BadPage, match="burned"):
        _page(burn)
    assert [entry.key for entry in _page(burn, {"kid": "two"}, sign=rs256(rsa_key("two"))).entries] == ["one"]


@pytest.mark.parametrize("compact", [b"", b"..", b"a.b.c", b"\xff.\xff.\xff", b"e30.e30."])
def test_any_other_bytes_are_refused_as_a_page(compact: bytes) -> None:
    with pytest.raises(BadPage):
        verify_page(compact, KEY_SET, Revoked(), issuer=ISSUER, leeway=60, now=NOW)
