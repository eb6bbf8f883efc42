"""Which keys and whose word a client may be registered with."""

from __future__ import annotations

import json
from typing import Any

import pytest

from auth_server.clients.proof_metadata import JWT_BEARER, proof_faults
from auth_server.protocol.client import TrustedIssuer
from tests.support.assertions import a_party
from tests.support.builders import a_client

URL = "https://signer.example/jwks"
K8S = "https://kubernetes.default.svc.cluster.local"
WEAK = {"kty": "RSA", "n": "AQAB", "e": "AQAB"}


def _faults(**changes: Any) -> list[str]:
    return list(proof_faults(a_client(secret=None, **({"auth_method": "private_key_jwt"} | changes))))


@pytest.mark.parametrize(
    "changes",
    [
        {"jwks": a_party().jwks},
        {"jwks": a_party("r", "RS256").jwks},
        {"jwks_uri": URL},
        {"trusted_issuers": (TrustedIssuer("https://ci.example", "repo:a/b"),)},
        {"trusted_issuers": (TrustedIssuer(K8S, "system:serviceaccount:a:b", jwks=a_party().jwks, reusable=True),)},
        {
            "trusted_issuers": (TrustedIssuer("https://ci.example", "a", jwks_uri=URL), TrustedIssuer("https://ci.example", "b")),
            "auth_method": "none",
            "grants": frozenset({JWT_BEARER}),
        },
        {"auth_method": "client_secret_basic"},
    ],
)
def test_what_makes_sense_has_no_fault(changes: dict[str, Any]) -> None:
    assert _faults(**changes) == []


@pytest.mark.parametrize(
    "changes, word",
    [
        ({}, "needs jwks"),
        ({"jwks": a_party().jwks, "jwks_uri": URL}, "exclude"),
        ({"jwks": "x"}, "no JSON"),
        ({"jwks": "[" * 50_000}, "too long"),
        ({"jwks": "[]"}, "JWK Set"),
        ({"jwks": '{"keys":[]}'}, "1 to 20"),
        ({"jwks": json.dumps({"keys": [a_party().jwk] * 21})}, "1 to 20"),
        ({"jwks": json.dumps({"keys": [a_party().jwk | {"d": "AA"}]})}, "private"),
        ({"jwks": json.dumps({"keys": [{"kty": "oct", "k": "AA"}]})}, "private or symmetric"),
        ({"jwks": json.dumps({"keys": [WEAK]})}, "cannot be used"),
        ({"jwks": json.dumps({"keys": [a_party().jwk | {"alg": "HS256"}]})}, "cannot be used"),
        *(
            ({"jwks_uri": url}, "jwks_uri")
            for url in ("http://a.example/", "https://127.0.0.1/", "https://[::1]/", "file:///x", "x")
        ),
        ({"trusted_issuers": (TrustedIssuer(K8S, "x"),)}, "its jwks must be given"),
        ({"trusted_issuers": (TrustedIssuer("https://ci.example", ""),)}, "1 to 512"),
        ({"trusted_issuers": (TrustedIssuer("https://ci.example", "a\nb"),)}, "1 to 512"),
        ({"trusted_issuers": (TrustedIssuer("https://ci.example", "a", "{}", URL),)}, "exclude"),
        ({"trusted_issuers": (TrustedIssuer("https://ci.example", "a", jwks_uri="https://10.0.0.1/"),)}, "jwks_uri"),
        ({"trusted_issuers": (TrustedIssuer("https://ci.example", "a"),) * 2}, "named twice"),
        ({"auth_method": "client_secret_basic", "trusted_issuers": (TrustedIssuer("https://ci.example", "a"),)}, "is of use to"),
        ({"auth_method": "none", "grants": frozenset({JWT_BEARER})}, "needs a trusted issuer"),
    ],
)
def test_each_fault_is_told(changes: dict[str, Any], word: str) -> None:
    (fault,) = _faults(**changes)

    assert word in fault
