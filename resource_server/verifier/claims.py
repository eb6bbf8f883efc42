"""The claims of an access token: a table of claim to rule (RFC 9068 sections 2.2 and 4).

The table is data, so that the common case costs one walk and no call. Every claim here is checked whenever it is there; the required
ones must be there.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from resource_server.verifier.errors import (
    BadClaim,
    BoundToken,
    Expired,
    IssuedInTheFuture,
    LifetimeTooLong,
    MissingClaim,
    NotYetValid,
    WrongAudience,
    WrongIssuer,
)
from resource_server.verifier.policy import Policy
from resource_server.verifier.strict_json import FrozenObject
from shared import claims as names
from shared import scope as scope_string

# Exact types: `bool` is no int here, and a list has become a tuple (of strings, always). `aud` has a rule of its own.
_KINDS: Final[dict[str, type]] = {
    names.ISSUER: str,
    names.SUBJECT: str,
    names.CLIENT_ID: str,
    names.TOKEN_ID: str,
    names.EXPIRES_AT: int,
    names.ISSUED_AT: int,
    names.NOT_BEFORE: int,
    names.AUTH_TIME: int,
    names.SCOPE: str,
    names.ACR: str,
    names.SESSION_ID: str,
    names.GRANT_ID: str,
    names.AMR: tuple,
    names.ROLES: tuple,
    names.GROUPS: tuple,
    names.ENTITLEMENTS: tuple,
    names.ACTOR: FrozenObject,
}
_WORDS: Final = {str: "string", int: "whole number", tuple: "list of strings", FrozenObject: "object"}


def check_claims(claims: FrozenObject, policy: Policy, now: int) -> None:
    """Refuse claims that are not an access token of this issuer, for this API, at this time.

    Args:
        now: seconds since the epoch.

    Raises:
        TokenRefused: the class says which rule.

    Source: RFC 9068 section 4, RFC 7519 section 4.1, RFC 8725 sections 3.8 to 3.12.
    """
    for name in names.REQUIRED:
        if name not in claims:
            raise MissingClaim(f"no claim {name!r}")
    for name, value in claims.items():
        if name in _KINDS:
            if type(value) is not _KINDS[name]:
                raise BadClaim(f"claim {name!r} is no {_WORDS[_KINDS[name]]}")
            if type(value) is tuple:
                _check_strings(name, value)
    if "" in (claims["sub"], claims["client_id"], claims["jti"]):
        raise BadClaim("claim 'sub', 'client_id' or 'jti' is empty")
    if claims["iss"] != policy.issuer:
        raise WrongIssuer(f"got iss {claims['iss']!r}, expected {policy.issuer!r} (setting: issuer)")
    _check_audience(claims, policy)
    _check_times(claims, policy, now)
    if "cnf" in claims:
        raise BoundToken("the token carries `cnf` and was presented as a bearer token")


def _check_strings(name: str, values: tuple[object, ...]) -> None:
    for value in values:
        if type(value) is not str:
            raise BadClaim(f"an element of {name!r} is no string")


def _check_audience(claims: FrozenObject, policy: Policy) -> None:
    audience = claims["aud"]
    if type(audience) is str:
        if audience in policy.audiences:
            return
    elif type(audience) is not tuple:
        raise BadClaim("claim 'aud' is neither a string nor a list")
    else:
        _check_strings("aud", audience)
        if not policy.audiences.isdisjoint(audience):
            return
    raise WrongAudience(
        f"the token is for {audience!r}, this API is {sorted(policy.audiences)}: the client must request "
        f"resource={min(policy.audiences)} (setting: audience)"
    )


def _check_times(claims: FrozenObject, policy: Policy, now: int) -> None:
    expires_at = claims["exp"]
    issued_at = claims["iat"]
    late = now - expires_at
    if late >= policy.leeway:
        raise Expired(f"exp was {late} s ago, leeway {policy.leeway} s (setting: leeway; or a clock is off)")
    if issued_at - now > policy.leeway:
        raise IssuedInTheFuture(
            f"iat is {issued_at - now} s ahead, leeway {policy.leeway} s (setting: leeway; or a clock is off)"
        )
    if not 0 < expires_at - issued_at <= policy.max_lifetime:
        raise LifetimeTooLong(
            f"exp - iat is {expires_at - issued_at} s, expected 1 to {policy.max_lifetime} (setting: max_lifetime)"
        )
    if "nbf" in claims:
        not_before = claims["nbf"]
        if not_before - now > policy.leeway:
            raise NotYetValid(f"nbf is {not_before - now} s ahead, leeway {policy.leeway} s (setting: leeway; or a clock is off)")


@lru_cache(maxsize=1024)
def read_scopes(scope: str) -> frozenset[str]:
    """Return the well-formed scopes of a scope string; what is malformed grants nothing.

    Leniency here cannot widen anything: each scope counts only as a whole, between single spaces (RFC 6749 section 3.3). Only scopes
    of verified tokens arrive here, and an issuer has few, so remembering them is safe.
    """
    return frozenset(word for word in scope.split(" ") if scope_string.is_scope_token(word))
