"""What went wrong elsewhere with private keys: one test an incident, by its number in the list."""

from __future__ import annotations

from typing import Any

import pytest

from auth_server.keys.public_half import private_key_of
from shared.jose import ED25519, ES256, RS256
from tests.support.foreign_keys import KEYS, TO_JWK


def private_jwk(alg: str, key: Any) -> dict[str, str]:
    members: dict[str, str] = TO_JWK[alg](key, as_dict=True)
    return members


@pytest.mark.parametrize("alg, public", [(RS256, "n"), (ES256, "x"), (ED25519, "x")])
def test_cve_19_a_private_key_whose_halves_differ_is_not_loaded(alg: str, public: str) -> None:
    """CVE-2026-102275: the public half was believed. Here a signature has to verify under it first."""
    good = private_jwk(alg, KEYS[alg])
    private_key_of(alg, good)
    changed = good[public][:-6] + ("AAAAAA" if not good[public].endswith("AAAAAA") else "BBBBBA")

    with pytest.raises(ValueError):
        private_key_of(alg, {**good, public: changed})
