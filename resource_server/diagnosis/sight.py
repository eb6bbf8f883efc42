"""What a token says of itself. Nothing here is verified, and nothing of it decides: it is for the words of a report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from resource_server.verifier.claims import check_claims
from resource_server.verifier.errors import (
    Expired,
    IssuedInTheFuture,
    LifetimeTooLong,
    NotYetValid,
    TokenRefused,
    WrongAudience,
    WrongIssuer,
)
from resource_server.verifier.policy import Policy
from resource_server.verifier.strict_json import FrozenObject, parse_object
from shared import base64url

_MOST_FAULTS: Final = 8
_SOME_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Sight:
    """Header and claims as far as they can be read; empty where they cannot."""

    header: Mapping[str, object] = field(default_factory=dict)
    claims: FrozenObject = field(default_factory=FrozenObject)

    @property
    def audiences(self) -> tuple[str, ...]:
        """`aud` as a list of strings, whatever its form."""
        audience = self.claims.get("aud")
        if isinstance(audience, str):
            return (audience,)
        return tuple(a for a in audience if isinstance(a, str)) if isinstance(audience, tuple) else ()

    def text(self, name: str) -> str | None:
        """Return a claim if it is text."""
        value = self.claims.get(name)
        return value if isinstance(value, str) else None

    def seconds(self, name: str) -> int | None:
        """Return a claim if it is a whole number."""
        value = self.claims.get(name)
        return value if type(value) is int else None


def look(compact: str) -> Sight:
    """Read a token without believing it; what cannot be read is left out."""
    parts = compact.split(".")
    header = _part(parts[0]) if len(parts) > 1 else FrozenObject()
    return Sight(header, _part(parts[1]) if len(parts) == 3 else FrozenObject())


def with_type(compact: str, header: Mapping[str, object], typ: str) -> bytes:
    """Return the token with another `typ`: to ask the verifier what it would have said next. Its signature no longer fits."""
    segment = base64url.encode(json.dumps({**header, "typ": typ}).encode())
    return f"{segment}.{compact.partition('.')[2]}".encode("ascii")


def claim_faults(claims: FrozenObject, policy: Policy, now: int) -> list[TokenRefused]:
    """Return every refusal that the verifier has for these claims: after each, the rule is met and the verifier asked again."""
    faults: list[TokenRefused] = []
    try:
        claims = policy.profile.read(claims, policy.audiences)
    except TokenRefused as fault:
        return [fault]
    for _ in range(_MOST_FAULTS):
        try:
            check_claims(claims, policy, now)
        except TokenRefused as fault:
            faults.append(fault)
            met = _met(fault, claims, policy, now)
            if met is None:
                break
            claims, policy = met
        else:
            break
    return faults


def _met(fault: TokenRefused, claims: FrozenObject, policy: Policy, now: int) -> tuple[FrozenObject, Policy] | None:
    """Return claims or a policy under which the rule that refused holds; None where there is nothing sensible."""
    issuer, audience = claims.get("iss"), Sight(claims=claims).audiences
    if isinstance(fault, WrongIssuer) and isinstance(issuer, str) and issuer:
        return claims, replace(policy, issuer=issuer)
    if isinstance(fault, WrongAudience) and any(audience):
        return claims, replace(policy, audiences=frozenset(filter(None, audience)))
    if isinstance(fault, Expired):
        return _shifted(claims, now + 1 - claims["exp"]), policy
    if isinstance(fault, IssuedInTheFuture):
        return _shifted(claims, now - claims["iat"]), policy
    if isinstance(fault, LifetimeTooLong):
        return FrozenObject({**claims, "exp": claims["iat"] + _SOME_SECONDS}), policy
    if isinstance(fault, NotYetValid):
        return FrozenObject({name: value for name, value in claims.items() if name != "nbf"}), policy
    return None


def _shifted(claims: FrozenObject, seconds: int) -> FrozenObject:
    # Both, for whether the token lives too long is still to be asked.
    return FrozenObject({**claims, "exp": claims["exp"] + seconds, "iat": claims["iat"] + seconds})


def _part(segment: str) -> FrozenObject:
    try:
        return parse_object(base64url.decode(segment.encode("ascii")))
    except ValueError:
        return FrozenObject()
