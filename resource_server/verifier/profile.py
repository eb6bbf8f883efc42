"""How an issuer spells its access tokens, where that differs from RFC 9068, and what must be relaxed to take them. Pure data.

`rfc9068` is the default and relaxes nothing. Each other profile names every departure in `relaxes`, in words that the documentation
repeats, and gives up nothing else: signature, key, algorithm, issuer, audience, times, subject and the single spelling of every token
are judged alike for all. Where the `typ` header no longer tells an ID token from an access token, `demands` says what does instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from resource_server.verifier.errors import BadClaim, WrongType
from resource_server.verifier.strict_json import FrozenObject
from shared import claims as names
from shared import jose
from shared import scope as scope_string

HOUR: Final = 3600
DAY: Final = 86_400
# A path to a claim, from the outside in; OUR_AUDIENCE stands for whichever of this API's audiences is there.
OUR_AUDIENCE: Final = "{audience}"
Path = tuple[str, ...]


def _always(_claims: Mapping[str, Any]) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Profile:
    """One way of spelling access tokens.

    Args:
        relaxes: each departure from RFC 9068, as a sentence.
        demands: what is asked in return, as a sentence.
        token_types: `typ` values that are taken, in lower case; the empty text stands for none at all.
        needs_token_id: whether `jti` must be there.
        max_lifetime: the longest `exp - iat` in seconds.
        ignored_headers: members that would be refused, and are passed over unread.
        found_at: for a claim of RFC 9068, where else it may stand.
        values: claims that must have one of these values, if they are there.
        always_there: those of `values` that must be there.
        foreign: claims that no access token has; their presence gives another kind of token away.
        is_person: whether a token whose `sub` is not its client stands for somebody who signed in.
    """

    name: str
    relaxes: tuple[str, ...] = ()
    demands: tuple[str, ...] = ()
    token_types: frozenset[str] = jose.ACCESS_TOKEN_TYPES
    needs_token_id: bool = True
    max_lifetime: int = HOUR
    ignored_headers: frozenset[str] = frozenset()
    found_at: Mapping[str, tuple[Path, ...]] | None = None
    values: Mapping[str, frozenset[str]] | None = None
    always_there: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()
    is_person: Callable[[Mapping[str, Any]], bool] = _always

    def read(self, claims: FrozenObject, audiences: frozenset[str]) -> FrozenObject:
        """Return the claims with what this issuer says elsewhere put under the names of RFC 9068; what is there already stays.

        Raises:
            WrongType: the token gives itself away as another kind.
            BadClaim: a list of scopes holds something that is no scope.
        """
        if self.found_at is None:
            return claims
        self._check_kind(claims)
        members: dict[str, Any] = dict(claims)
        for name, places in self.found_at.items():
            if name not in members:
                found = next((value for path in places if (value := _at(claims, path, audiences)) is not None), None)
                if found is not None:
                    members[name] = _scope_text(found) if name == names.SCOPE else found
        return FrozenObject(members)

    def _check_kind(self, claims: FrozenObject) -> None:
        foreign = self.foreign & claims.keys()
        if foreign:
            raise WrongType(
                f"claims {', '.join(sorted(foreign))} belong to an ID token or a logout token, not to an access token"
            )
        for name, allowed in (self.values or {}).items():
            value = claims.get(name)
            if name not in claims and name not in self.always_there:
                continue
            if not isinstance(value, str) or value not in allowed:
                raise WrongType(f"claim {name!r} is {value!r}, expected {' or '.join(sorted(allowed))}; not an access token")


def _at(claims: object, path: Path, audiences: frozenset[str]) -> object:
    here = claims
    for step in path:
        if not isinstance(here, FrozenObject):
            return None
        named = next((ours for ours in sorted(audiences) if ours in here), "") if step == OUR_AUDIENCE else step
        here = here.get(named)
    return here


def _scope_text(value: object) -> object:
    if not isinstance(value, tuple):
        return value
    if not all(isinstance(scope, str) and scope_string.is_scope_token(scope) for scope in value):
        # Joined by spaces, one odd element would become two scopes that nobody granted.
        raise BadClaim("a list of scopes holds something that is no scope")
    return " ".join(value)


def _keycloak_person(claims: Mapping[str, Any]) -> bool:
    # A service account has a subject of its own, and no session.
    named = claims.get("preferred_username")
    return names.SESSION_ID in claims and not (isinstance(named, str) and named.startswith("service-account-"))


def _auth0_person(claims: Mapping[str, Any]) -> bool:
    return not str(claims["sub"]).endswith("@clients") and claims.get("gty") != "client-credentials"


def _signed_in(claims: Mapping[str, Any]) -> bool:
    # Nothing says for certain that nobody did, so something has to say that somebody did.
    return claims.get("idtyp") != "app" and any(name in claims for name in (names.AUTH_TIME, names.AMR, names.SESSION_ID, "scp"))


_ID_TOKEN_CLAIMS: Final = frozenset({"nonce", "at_hash", "c_hash", "s_hash", "events"})
_NO_ID_TOKEN: Final = "A token with `nonce`, `at_hash`, `c_hash`, `s_hash` or `events` is no access token (`wrong_type`)."
_UNTYPED: Final = "The `typ` header may be `JWT`."

RFC9068: Final = Profile("rfc9068")
KEYCLOAK: Final = Profile(
    "keycloak",
    relaxes=(_UNTYPED, "`client_id` may be missing where `azp` names the client."),
    demands=("The claim `typ` is `Bearer`: ID, refresh and logout tokens stay refused (`wrong_type`).",),
    token_types=jose.ACCESS_TOKEN_TYPES | {"jwt"},
    found_at={
        names.CLIENT_ID: (("azp",),),
        names.ROLES: (("realm_access", "roles"),),
        names.ENTITLEMENTS: (("resource_access", OUR_AUDIENCE, "roles"),),
    },
    values={"typ": frozenset({"Bearer"})},
    always_there=frozenset({"typ"}),
    foreign=frozenset({"events"}),
    is_person=_keycloak_person,
)
AUTH0: Final = Profile(
    "auth0",
    relaxes=(
        _UNTYPED,
        "`client_id` may be missing where `azp` names the client.",
        "`jti` may be missing.",
        "A token may live 24 hours (`max_lifetime` sets less).",
    ),
    demands=(_NO_ID_TOKEN,),
    token_types=jose.ACCESS_TOKEN_TYPES | {"jwt"},
    needs_token_id=False,
    max_lifetime=DAY,
    found_at={names.CLIENT_ID: (("azp",),), names.ENTITLEMENTS: (("permissions",),)},
    foreign=_ID_TOKEN_CLAIMS,
    is_person=_auth0_person,
)
GENERIC: Final = Profile(
    "generic",
    relaxes=(
        "The `typ` header may be `JWT` or missing.",
        "`client_id` may be missing where `azp`, `cid` or `appid` names the client.",
        "`jti` may be missing.",
        "A token may live 24 hours (`max_lifetime` sets less).",
        "The headers `x5t` and `x5t#S256` are passed over unread; `kid` alone names the key.",
    ),
    demands=(_NO_ID_TOKEN, "`typ` and `token_use`, where they are claims, are `Bearer` and `access`."),
    token_types=jose.ACCESS_TOKEN_TYPES | {"jwt", ""},
    needs_token_id=False,
    max_lifetime=DAY,
    ignored_headers=frozenset({"x5t", "x5t#S256"}),
    found_at={names.CLIENT_ID: (("azp",), ("cid",), ("appid",)), names.SCOPE: (("scp",),)},
    values={"typ": frozenset({"Bearer"}), "token_use": frozenset({"access"})},
    foreign=_ID_TOKEN_CLAIMS,
    is_person=_signed_in,
)
PROFILES: Final = {profile.name: profile for profile in (RFC9068, KEYCLOAK, AUTH0, GENERIC)}


def find_profile(name: str) -> Profile:
    """Return the profile of a name.

    Raises:
        ValueError: there is none; the sentence lists those there are.
    """
    if name not in PROFILES:
        raise ValueError(f"profile must be one of {', '.join(PROFILES)}")
    return PROFILES[name]
