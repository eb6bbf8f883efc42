"""Assertions that prove a client: whose keys count, and what an assertion has to say (RFC 7523, RFC 7521 section 4.2)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

from auth_server.keys.foreign_jws import UnknownKid, UnverifiedJws, is_by_one_of, key_set
from auth_server.outbound.addresses import url_fault
from auth_server.outbound.fetch import LEAST_AGE_SECONDS, USUAL_AGE_SECONDS, Remembered
from auth_server.protocol import assertion
from auth_server.protocol.assertion import MOST_SECONDS, MOST_SECONDS_REUSABLE, Expected, Used
from auth_server.protocol.client import Client, TrustedIssuer
from shared import base64url
from shared.well_known import OPENID_CONFIGURATION


class Documents(Protocol):
    """What is remembered of the documents of others."""

    def remembered(self, url: str, max_age: float = USUAL_AGE_SECONDS) -> Remembered:
        """Return it.

        Raises:
            NeedsFetch: it has to be fetched first.
        """


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an assertion is worth: a fault for the log, or how it is remembered (None: it may be used again)."""

    fault: str | None
    used: Used | None = None


class ClientAssertions:
    """Judges assertions. `issuer` is what their audience must be."""

    def __init__(self, issuer: str, documents: Documents) -> None:
        self._issuer = issuer
        self._documents = documents

    def judge_own(self, jws: UnverifiedJws, client: Client, now: int) -> Verdict:
        """Judge an assertion that the client signed itself: it is issuer and subject. `now` in seconds.

        Raises:
            NeedsFetch: its keys have to be fetched first.
        """
        source = _Source(client.jwks, client.jwks_uri)
        if not self._is_signed(jws, source):
            return Verdict("not signed by a key of this client")
        fault = assertion.fault(jws.claims, Expected(client.client_id, client.client_id, self._issuer), now)
        return Verdict(fault, None if fault else assertion.used(jws.claims))

    def judge_trusted(self, jws: UnverifiedJws, client: Client, now: int) -> Verdict:
        """Judge the token of a foreign issuer that was registered as speaking for this client.

        Raises:
            NeedsFetch: its keys have to be fetched first.
        """
        trusted = find_trusted(client, jws.claims)
        if trusted is None:
            return Verdict("this client may not present assertions of that issuer about that subject")
        if not self._is_signed(jws, self._source_of(trusted)):
            return Verdict("not signed by a key of that issuer")
        most_seconds = MOST_SECONDS_REUSABLE if trusted.reusable else MOST_SECONDS
        expected = Expected(trusted.issuer, trusted.subject, self._issuer, most_seconds, needs_jti=not trusted.reusable)
        fault = assertion.fault(jws.claims, expected, now)
        return Verdict(fault, None if fault or trusted.reusable else assertion.used(jws.claims))

    def stand_in(self, jws: UnverifiedJws) -> None:
        """Do the work of a verification for a client that does not exist."""
        self._is_signed(jws, _Source(_STAND_IN, None))

    def _source_of(self, trusted: TrustedIssuer) -> _Source:
        if trusted.jwks is not None or trusted.jwks_uri is not None:
            return _Source(trusted.jwks, trusted.jwks_uri)
        document = self._documents.remembered(trusted.issuer.rstrip("/") + OPENID_CONFIGURATION, MOST_SECONDS).document or {}
        jwks_uri = document.get("jwks_uri")
        # A document that names another issuer was put there by somebody else (RFC 8414 section 3.3).
        if document.get("issuer") != trusted.issuer or not isinstance(jwks_uri, str) or url_fault(jwks_uri):
            return _Source(None, None)
        return _Source(None, jwks_uri)

    def _is_signed(self, jws: UnverifiedJws, source: _Source) -> bool:
        try:
            return is_by_one_of(jws, self._keys(source, USUAL_AGE_SECONDS))
        except UnknownKid:
            if source.jwks_uri is None:
                return False
        try:
            # A new key may have been published since; asked for once a minute at most, whoever sends unknown kids.
            return is_by_one_of(jws, self._keys(source, LEAST_AGE_SECONDS))
        except UnknownKid:
            return False

    def _keys(self, source: _Source, max_age: float) -> Sequence[Mapping[str, Any]]:
        if source.jwks is not None:
            return _parsed(source.jwks)
        return [] if source.jwks_uri is None else key_set(self._documents.remembered(source.jwks_uri, max_age).document)


@dataclass(frozen=True, slots=True)
class _Source:
    jwks: str | None
    jwks_uri: str | None


def find_trusted(client: Client, claims: Mapping[str, Any]) -> TrustedIssuer | None:
    """Return the trust of a client that covers what a token says of itself, compared exactly."""
    said = (claims.get("iss"), claims.get("sub"))
    return next((each for each in client.trusted_issuers if (each.issuer, each.subject) == said), None)


@lru_cache(maxsize=512)
def _parsed(jwks: str) -> tuple[Mapping[str, Any], ...]:
    return tuple(key_set(json.loads(jwks)))


def _stand_in() -> str:
    # Keys that nobody has the private half of: an arbitrary odd number, and points of published examples (RFC 7515 A.3, RFC 8037 A.2).
    modulus = b"\xc3" + b"".join(hashlib.sha256(bytes([n])).digest() for n in range(8))[:254] + b"\x01"
    keys: list[dict[str, str]] = [
        {"kty": "RSA", "e": "AQAB", "n": base64url.encode(modulus)},
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        },
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    ]
    return json.dumps({"keys": keys})


_STAND_IN: Final = _stand_in()
