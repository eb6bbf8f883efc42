"""R23: vectors for the signature alone. Ours are made here; WYCHEPROOF_JWS=FILE holds the kit to the original's 401 as well."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from resource_server.verifier.compact import Header, split
from resource_server.verifier.errors import TokenRefused
from resource_server.verifier.key_set import read_key_set
from resource_server.verifier.signature import check_signature
from resource_server.verifier.strict_json import parse_object
from shared import base64url
from tests.attacks import jws_vectors
from tests.attacks.jws_vectors import Vector
from tests.resource_server.support import RS256_ONLY, a_guard, an_issuer

_ORIGINAL = os.environ.get("WYCHEPROOF_JWS")


def is_good_jws(vector: Vector) -> bool:
    """Say whether the kit takes it for a JWS of this key; it says nothing of access tokens, which need `typ` and claims as well."""
    key_set = read_key_set(json.dumps({"keys": [vector.jwk]}).encode(), RS256_ONLY)
    try:
        header, payload, signing_input, signature = split(vector.jws)
        members = parse_object(base64url.decode(header))
        key = key_set.find(Header(str(members.get("alg")), str(members.get("kid"))))
        check_signature(key, signing_input, signature)
        base64url.decode(payload)
    except (TokenRefused, ValueError):
        return False
    return True


def test_r23_our_vectors_pass_exactly_where_they_are_valid() -> None:
    vectors = jws_vectors.made()

    assert len(vectors) > 250
    assert sum(vector.valid for vector in vectors) == 6
    assert [vector.name for vector in vectors if is_good_jws(vector) is not vector.valid] == []


def test_r23_the_block_that_all_others_differ_from_is_the_right_one() -> None:
    """Without this the vectors of paddings could be refused for another reason than the one they are for."""
    right = jws_vectors._with_block(jws_vectors.padded(jws_vectors.digest_info()))

    assert right == jws_vectors.sign(b"foo")


def test_r23_none_of_them_is_an_access_token() -> None:
    with an_issuer() as issuer, a_guard(issuer) as guard:
        for vector in jws_vectors.made():
            with pytest.raises(TokenRefused):
                guard.verify(vector.jws)


if _ORIGINAL:

    def test_r23_the_originals_pass_exactly_where_an_rs256_key_makes_them_valid() -> None:
        vectors = jws_vectors.read_file(Path(_ORIGINAL))
        accepted = {vector.name for vector in vectors if is_good_jws(vector)}

        assert len(vectors) == 401
        assert accepted == {vector.name for vector in vectors if vector.valid and vector.jwk.get("alg") == "RS256"}
