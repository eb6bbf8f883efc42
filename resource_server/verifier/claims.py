"""The claims of an access token: a table of claim to rule (RFC 9068 sections 2.2 and 4).

The table is data, so that the common case costs one walk and no call. Every claim here is checked whenever it is there; the required
ones must be there.
"""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

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

# Exact types: `bool` is no int here, and a plain tuple is what became of a list of strings.
_OPTIONAL: Final[dict[str, type]] = {
    names.SCOPE: str,
    names.AUTH_TIME: int,
    names.ACR: str,
    names.AMR: tuple,
    names.SESSION_ID: str,
    names.GRANT_ID: str,
    names.ROLES: tuple,
    names.GROUPS: tuple,
    names.ENTITLEMENTS: tuple,
    names.NOT_BEFORE: int,
    names.ACTOR: FrozenObject,
}
# The required ones that every profile has, in one step.
_required_of: Final = itemgetter(names.ISSUER, names.SUBJECT, names.AUDIENCE, names.EXPIRES_AT, names.ISSUED_AT, names.CLIENT_ID)
_WORDS: Final = {str: "string", int: "whole number", tuple: "list of strings", FrozenObject: "object"}


def check_claims(claims: dict[str, Any], policy: Policy, now: int) -> None:
    """Refuse claims that are not an access token of this issuer, for this API, at this time.

    Args:
        now: seconds since the epoch.

    Raises:
        TokenRefused: the class says which rule.

    Source: RFC 9068 section 4, RFC 7519 section 4.1, RFC 8725 sections 3.8 to 3.12.
    """
    try:
        issuer, subject, audience, expires_at, issued_at, client_id = _required_of(claims)
        token_id = claims["jti"] if policy.profile.needs_token_id else claims.get("jti", "none")
    except KeyError as missing:
        raise MissingClaim(f"no claim {missing}, expected all of {', '.join(names.REQUIRED)}") from missing
    if not (type(subject) is type(client_id) is type(token_id) is str and subject and client_id and token_id):
        raise BadClaim("claim 'sub', 'client_id' or 'jti' is empty or no string")
    if type(issuer) is not str or issuer != policy.issuer:
        raise WrongIssuer(f"got iss {issuer!r}, expected {policy.issuer!r} (setting: issuer)")
    if type(audience) is not str or audience not in policy.audiences:
        _check_audiences(audience, policy)
    for name, value in claims.items():
        if name in _OPTIONAL and type(value) is not _OPTIONAL[name]:
            raise BadClaim(f"claim {name!r} is no {_WORDS[_OPTIONAL[name]]}")
    _check_times(expires_at, issued_at, claims.get("nbf"), policy, now)
    if "cnf" in claims:
        raise BoundToken("the token carries `cnf` and was presented as a bearer token")


def _check_audiences(audience: object, policy: Policy) -> None:
    """Let a list pass that names this API; whatever else comes here is refused."""
    if type(audience) is tuple:
        if not policy.audiences.isdisjoint(audience):
            return
    elif type(audience) is not str:
        raise BadClaim("claim 'aud' is neither a string nor a list of strings")
    raise WrongAudience(
        f"the token is for {audience!r}, this API is {sorted(policy.audiences)}: the client must request "
        f"resource={min(policy.audiences)} (setting: audience)"
    )


def _check_times(expires_at: object, issued_at: object, not_before: int | None, policy: Policy, now: int) -> None:
    if type(expires_at) is not int or type(issued_at) is not int:
        raise BadClaim("claim 'exp' or 'iat' is no whole number")
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
    if not_before is not None and not_before - now > policy.leeway:
        raise NotYetValid(f"nbf is {not_before - now} s ahead, leeway {policy.leeway} s (setting: leeway; or a clock is off)")


@lru_cache(maxsize=1024)
def read_scopes(scope: str) -> frozenset[str]:
    """Return the well-formed scopes of a scope string; what is malformed grants nothing.

    Leniency here cannot widen anything: each scope counts only as a whole, between single spaces (RFC 6749 section 3.3). Only scopes
    of verified tokens arrive here, and an issuer has few, so remembering them is safe.
    """
    return frozenset(word for word in scope.split(" ") if scope_string.is_scope_token(word))
