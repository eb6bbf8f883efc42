"""Thumbprints, against the vectors of the standards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import jwk

# RFC 7638 section 3.1.
RSA = {
    "kty": "RSA",
    "n": (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
        "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbI"
        "SD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    ),
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}
# RFC 8037 appendix A.3.
OKP = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


def test_the_vector_of_rfc_7638() -> None:
    assert jwk.thumbprint(RSA) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_the_vector_of_rfc_8037() -> None:
    assert jwk.thumbprint(OKP) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@given(st.dictionaries(st.sampled_from(["kid", "use", "alg", "key_ops", "d", "x5c", "anything"]), st.text()))
def test_only_the_required_members_count(others: dict[str, str]) -> None:
    assert jwk.thumbprint(OKP | others) == jwk.thumbprint(OKP)


@pytest.mark.parametrize("member", ["kty", "crv", "x"])
def test_each_required_member_counts(member: str) -> None:
    without = {name: value for name, value in OKP.items() if name != member}

    with pytest.raises(ValueError, match="thumbprint"):
        jwk.thumbprint(without)


@pytest.mark.parametrize("spoiled", [{"kty": "oct", "k": "AAAA"}, {}, OKP | {"x": 1}, OKP | {"x": None}, {"kty": ["OKP"]}])
def test_what_has_no_thumbprint_is_refused(spoiled: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="thumbprint"):
        jwk.thumbprint(spoiled)


def test_every_private_member_of_the_registry_is_known() -> None:
    """RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1."""
    assert sorted(jwk.PRIVATE_MEMBERS) == ["d", "dp", "dq", "k", "oth", "p", "q", "qi"]
