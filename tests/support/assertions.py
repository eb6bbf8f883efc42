"""Whoever signs assertions in tests: a key pair, its JWK Set, and tokens that are right but for what a test changes."""

from __future__ import annotations

import functools
import itertools
import json
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from auth_server.keys.public_half import ALGORITHMS
from auth_server.protocol.client import TrustedIssuer
from shared import base64url
from tests.support.builders import NOW

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# The issuer of every test.
AUDIENCE: Final = "http://localhost:8000"
_NUMBERS: Final = itertools.count()
_LEFT_OUT: Final = object()


@dataclass(frozen=True)
class SigningParty:
    """A key pair with a name. `alg` as PyJWT calls it."""

    private_key: Any
    alg: str
    kid: str

    @property
    def jwk(self) -> dict[str, Any]:
        """Return the public half."""
        kinds: dict[str, Any] = {"ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
        kind = kinds.get(self.alg, RSAAlgorithm)
        made = kind.to_jwk(self.private_key.public_key(), as_dict=True)
        return {**made, "kid": self.kid, "use": "sig", "alg": self.wire_alg}

    @property
    def wire_alg(self) -> str:
        """Return the fully specified name (RFC 9864)."""
        return "Ed25519" if self.alg == "EdDSA" else self.alg

    @property
    def jwks(self) -> str:
        """Return the JWK Set as text."""
        return json.dumps({"keys": [self.jwk]})

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """Sign claims. Header members that are None are left out."""
        members = {"kid": self.kid, "typ": "JWT", **header}
        kept = {"alg": self.wire_alg} | {name: value for name, value in members.items() if value is not None}
        signed = ".".join(base64url.encode(json.dumps(part).encode()) for part in (kept, claims))
        return f"{signed}.{base64url.encode(ALGORITHMS[self.wire_alg].sign(signed.encode(), self.private_key))}"

    def assertion(
        self, client_id: str = "signer", *, now: int = NOW, header: dict[str, Any] | None = None, **changes: Any
    ) -> str:
        """Return a right client assertion with these claims changed; `LEFT_OUT` drops one."""
        claims: dict[str, Any] = {
            "iss": client_id,
            "sub": client_id,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 60,
            "jti": f"jti-{next(_NUMBERS)}",
        }
        claims = {name: value for name, value in (claims | changes).items() if value is not LEFT_OUT}
        return self.sign(claims, **(header or {}))


LEFT_OUT: Final = _LEFT_OUT
# A platform whose word stands in for a secret, and what it calls the workload.
PLATFORM: Final = "https://platform.outside.example"
WORKLOAD: Final = "system:serviceaccount:shop:billing"


def a_trust(**changes: Any) -> TrustedIssuer:
    """Return the trust in the platform's word about the workload, by the keys of `a_party("platform")`."""
    return TrustedIssuer(**{"issuer": PLATFORM, "subject": WORKLOAD, "jwks": a_party("platform").jwks, **changes})


def platform_token(**changes: Any) -> str:
    """Return the token that the platform gives to the workload."""
    return a_party("platform").assertion(**{"iss": PLATFORM, "sub": WORKLOAD, **changes})


@functools.cache
def a_party(kid: str = "key-1", alg: str = "ES256") -> SigningParty:
    """Return the party of that name: the same in every test of a session."""
    makers: dict[str, Any] = {
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
    }
    make = makers.get(alg, lambda: rsa.generate_private_key(65537, 2048))
    return SigningParty(make(), alg, kid)


def shown(assertion: str, **form: str) -> dict[str, str]:
    """Return the parameters by which a client shows an assertion."""
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion, **form}
