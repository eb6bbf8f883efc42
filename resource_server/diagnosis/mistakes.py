"""Common mistakes, recognised by name: from why the verifier refused and what the token says of itself."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from resource_server.diagnosis.addresses import differences, nearest
from resource_server.diagnosis.report import Mistake
from resource_server.diagnosis.sight import Sight
from resource_server.verifier.policy import Policy
from shared import jose

# Claims that only an ID token carries (OpenID Connect Core 1.0 sections 2 and 3.1.3.6).
_ID_TOKEN_CLAIMS: Final = frozenset({"nonce", "at_hash", "c_hash", "s_hash"})
_ACCESS_TOKEN_CLAIMS: Final = frozenset({"client_id", "scope", "scp"})
# A time after the year 5138 is one in milliseconds.
_MILLISECONDS_FROM: Final = 100_000_000_000
_ORDINARY_TYPES: Final = frozenset({None, "", "jwt"})

Recogniser = Callable[[Sight, Policy], list[Mistake]]


def recognise(reasons: Collection[str], sight: Sight, policy: Policy) -> list[Mistake]:
    """Return the mistakes that these refusals of this token are likely to be, the likeliest first."""
    found: list[Mistake] = []
    # An issuer by the wrong name is why its keys are not here, so it comes before that.
    for reason in sorted(reasons, key=lambda reason: reason != "wrong_issuer") if "keys_unavailable" in reasons else reasons:
        found += _RECOGNISERS.get(reason, _nothing)(sight, policy)
    return found


def is_id_token(sight: Sight) -> bool:
    """Say whether the claims are those of an ID token rather than of an access token."""
    return bool(_ID_TOKEN_CLAIMS & sight.claims.keys()) or not _ACCESS_TOKEN_CLAIMS & sight.claims.keys()


def _nothing(_sight: Sight, _policy: Policy) -> list[Mistake]:
    return []


def _wrong_type(sight: Sight, _policy: Policy) -> list[Mistake]:
    typ = sight.header.get("typ")
    if not sight.claims or (typ is not None and not isinstance(typ, str)):
        return []
    if (typ or "").lower() not in _ORDINARY_TYPES:
        return [ANOTHER_KIND]
    return [ID_TOKEN] if is_id_token(sight) else [UNMARKED_ACCESS_TOKEN]


def _missing_claim(sight: Sight, _policy: Policy) -> list[Mistake]:
    return [ID_TOKEN] if sight.claims and is_id_token(sight) else [NOT_RFC_9068]


def _unknown_key(sight: Sight, policy: Policy) -> list[Mistake]:
    return [KEY_OF_ANOTHER_ENVIRONMENT] if sight.text("iss") == policy.issuer else [KEY_OF_ANOTHER_ISSUER]


def _wrong_issuer(sight: Sight, policy: Policy) -> list[Mistake]:
    got = sight.text("iss")
    if not got:
        return []
    return differences("issuer", got, policy.issuer) or [ISSUER_OF_ANOTHER_ENVIRONMENT]


def _wrong_audience(sight: Sight, policy: Policy) -> list[Mistake]:
    own = min(policy.audiences)
    of_the_issuer = bool(sight.audiences) and set(sight.audiences) <= {policy.issuer, f"{policy.issuer}/userinfo"}
    found = [AUDIENCE_IS_THE_ISSUER] if of_the_issuer else nearest("audience", sight.audiences, own)
    if sight.text("azp") in sight.audiences or sight.text("client_id") in sight.audiences:
        found.append(AUDIENCE_IS_THE_CLIENT)
    general = Mistake(
        "wrong_audience",
        f"The token was made for {', '.join(sight.audiences) or 'nobody'}, and this API is {own}.",
        f"The client must ask for resource={own} when it gets the token (RFC 8707); or, if that is what this API is called, set "
        "RESOURCE_SERVER_AUDIENCE to the token's audience.",
    )
    return [*found, general]


def _clock(sight: Sight, _policy: Policy) -> list[Mistake]:
    times = [sight.seconds(name) or 0 for name in ("iat", "nbf", "exp")]
    return [MILLISECONDS] if max(times) >= _MILLISECONDS_FROM else [CLOCK]


def _algorithm(sight: Sight, _policy: Policy) -> list[Mistake]:
    algorithm = sight.header.get("alg")
    if isinstance(algorithm, str) and algorithm in jose.ALGORITHMS:
        return [ALGORITHM_SETTING]
    return [FORGERY]


def _always(mistake: Mistake) -> Recogniser:
    return lambda _sight, _policy: [mistake]


ID_TOKEN: Final = Mistake(
    "id_token_as_access_token",
    "This is an ID token: it tells the client who signed in, and is for the client alone.",
    "Send the access token of the same answer (`access_token`, not `id_token`).",
)
ANOTHER_KIND: Final = Mistake(
    "another_kind_of_token",
    "This is a JWT for another purpose (see its `typ`): a logout token, a DPoP proof, an introspection answer or the like.",
    "Send the access token.",
)
UNMARKED_ACCESS_TOKEN: Final = Mistake(
    "unmarked_access_token",
    "This looks like an access token of an issuer that does not mark its access tokens as such (`typ` is not at+jwt).",
    "Let the issuer make RFC 9068 tokens; where it cannot, RESOURCE_SERVER_PROFILE names a profile for such issuers, which says what it "
    "relaxes.",
)
NOT_RFC_9068: Final = Mistake(
    "not_rfc_9068",
    "The token lacks claims that every access token must have (RFC 9068 section 2.2).",
    "Let the issuer put them in; where it cannot, RESOURCE_SERVER_PROFILE names a profile for such issuers, which says what it relaxes.",
)
KEY_OF_ANOTHER_ENVIRONMENT: Final = Mistake(
    "key_of_another_environment",
    "The token names this very issuer, but was signed by a key that the issuer does not publish: it comes from another environment of the "
    "same name (a second stack on localhost, staging, a database that was made anew).",
    "Get a token from the running issuer; if it is, see with `resource-server doctor` where the keys come from "
    "(RESOURCE_SERVER_METADATA_URL).",
)
KEY_OF_ANOTHER_ISSUER: Final = Mistake(
    "key_of_another_issuer",
    "The token was signed by a key of another issuer than the one that this API trusts.",
    "Get a token from this API's issuer, or set RESOURCE_SERVER_ISSUER to the token's `iss`.",
)
ISSUER_OF_ANOTHER_ENVIRONMENT: Final = Mistake(
    "issuer_of_another_environment",
    "The token comes from another issuer altogether: another environment, realm or tenant.",
    "Get a token from this API's issuer; if the token's is the right one, set RESOURCE_SERVER_ISSUER to it.",
)
AUDIENCE_IS_THE_CLIENT: Final = Mistake(
    "audience_is_the_client",
    "The token's audience is the client itself: an ID token, or the default of an issuer that was told of no API.",
    "Let the client ask for this API (`resource`, or the issuer's own `audience` parameter).",
)
AUDIENCE_IS_THE_ISSUER: Final = Mistake(
    "audience_is_the_issuer",
    "The token is for the issuer's own endpoints (such as /userinfo), not for an API.",
    "Let the client ask for this API with `resource`.",
)
CLOCK: Final = Mistake(
    "clock_differs",
    "The token comes from the future as this machine sees it: the clock here is behind, or the issuer's is ahead.",
    "Synchronise both clocks (NTP); `resource-server doctor` says how far apart they are. Do not widen the leeway.",
)
MILLISECONDS: Final = Mistake(
    "times_in_milliseconds",
    "The token's times are in milliseconds; a JWT counts in seconds (RFC 7519 section 2).",
    "Mend whatever made the token.",
)
EXPIRED: Final = Mistake(
    "expired",
    "The token's time is over. Nothing is wrong with it otherwise.",
    "Refresh it, or sign in again. If it was made a moment ago, a clock is off: `resource-server doctor` compares them.",
)
FORGERY: Final = Mistake(
    "forged_algorithm",
    "No issuer of ours signs like this (`none`, or a shared secret): it is a forgery, or a token for something else.",
    "Do not allow the algorithm. Look at who sent it.",
)
ALGORITHM_SETTING: Final = Mistake(
    "algorithm_not_set",
    "The algorithm is a sound one that this API is not set to take, or the key is for another.",
    "If the issuer is meant to sign with it for this API, add it to RESOURCE_SERVER_ALGORITHMS.",
)
CHANGED: Final = Mistake(
    "changed_token",
    "The signature does not fit: the token was changed on its way, cut, or signed by another key under the same kid.",
    "Get a new token; if it happens with every one, compare the issuer's key set with what this API fetched.",
)
BURNED: Final = Mistake(
    "burned_key", "The key was burned by the issuer's operators: none of its tokens counts.", "Sign in again."
)
ENDED: Final = Mistake(
    "ended_token",
    "The issuer ended the token before its time: somebody signed out, was disabled, lost a role, or took an app's access away.",
    "Refresh it; if the issuer refuses that, sign in again.",
)
FEED_SILENT: Final = Mistake(
    "feed_silent",
    "Nothing is heard of the issuer's revocation feed, and this API is set not to go on without it.",
    "`resource-server doctor` says what the issuer answers; RESOURCE_SERVER_SILENT_FEED=open would accept tokens until they expire.",
)
LONG_LIVED: Final = Mistake(
    "long_lived_token",
    "The token lives longer than this API accepts: a stolen one would be good for too long.",
    "Shorten the issuer's token lifetime for this API (an hour at most).",
)
BOUND: Final = Mistake(
    "bound_token",
    "The token is bound to a key of the client's (DPoP or a certificate), and came without the proof.",
    "A bound token cannot be tried out by copying it: that is its purpose.",
)
NO_KEYS: Final = Mistake(
    "issuer_unreachable",
    "The issuer's keys are not here, so nothing can be said of the token. It may be a good one.",
    "`resource-server doctor` says what the issuer answers.",
)

MALFORMED: Final = Mistake(
    "malformed_token",
    "The text is no signed JWT in its one canonical spelling: a character was lost, changed or added.",
    "Copy it again, whole. If the client sends it so, look at what it does with the token between the token endpoint and here.",
)
TOO_LARGE: Final = Mistake(
    "token_too_large",
    "The token is too long for a header; proxies would refuse it as well.",
    "Let the issuer put less into tokens for this API: only the groups, roles and claims that it asks for.",
)
FORBIDDEN_HEADER: Final = Mistake(
    "forbidden_header",
    "The token's header brings a key, says where to fetch one, or changes what the bytes mean. None of that is ever followed.",
    "Look at who sent it. If the issuer puts such a member in, let it leave it out.",
)
UNDECRYPTABLE: Final = Mistake(
    "undecryptable",
    "The token is encrypted to a key that this API does not have.",
    "Keep RESOURCE_SERVER_STATE_DIR over restarts and let all processes of this API share it; if the key is another API's, the client "
    "asked for a token for that one.",
)
BAD_CLAIM: Final = Mistake(
    "bad_claim",
    "A claim has another form than the standard gives it (RFC 9068, RFC 7519).",
    "Mend what puts it in at the issuer: a mapper, a hook or a claim of your own.",
)
SCOPE: Final = Mistake(
    "insufficient_scope",
    "The token is good, and lacks a scope that the route asks for.",
    "Let the client ask for it. If it did, the issuer cut it: the client may not have it, or the person lacks the permission behind it.",
)
ROLE: Final = Mistake(
    "missing_role",
    "The token is good, and its owner lacks a role that the route asks for.",
    "Grant it at the issuer (`auth-server role grant`), then get a new token.",
)
PERMISSION: Final = Mistake(
    "missing_permission",
    "The token is good, and its owner lacks a permission (`entitlements`) that the route asks for.",
    "Give it to one of the owner's roles at the issuer, then get a new token.",
)
PERSON: Final = Mistake(
    "person_required",
    "The token is good, and stands for a client; the route is for people.",
    "Sign a person in (authorization code, device) in place of client credentials.",
)
SIGN_IN: Final = Mistake(
    "insufficient_user_authentication",
    "The token is good, and its owner signed in too long ago or too weakly for the route.",
    "Send the person to sign in again, with the `acr_values` and `max_age` of the challenge (RFC 9470).",
)

_RECOGNISERS: Final[dict[str, Recogniser]] = {
    "wrong_type": _wrong_type,
    "missing_claim": _missing_claim,
    "unknown_key": _unknown_key,
    "wrong_issuer": _wrong_issuer,
    "wrong_audience": _wrong_audience,
    "issued_in_the_future": _clock,
    "not_yet_valid": _clock,
    "algorithm_not_allowed": _algorithm,
    "expired": _always(EXPIRED),
    "bad_signature": _always(CHANGED),
    "revoked_key": _always(BURNED),
    "revoked": _always(ENDED),
    "revocations_unknown": _always(FEED_SILENT),
    "lifetime_too_long": _always(LONG_LIVED),
    "bound_token": _always(BOUND),
    "keys_unavailable": _always(NO_KEYS),
    "malformed_token": _always(MALFORMED),
    "token_too_large": _always(TOO_LARGE),
    "forbidden_header": _always(FORBIDDEN_HEADER),
    "undecryptable": _always(UNDECRYPTABLE),
    "bad_claim": _always(BAD_CLAIM),
    "insufficient_scope": _always(SCOPE),
    "missing_role": _always(ROLE),
    "missing_permission": _always(PERMISSION),
    "person_required": _always(PERSON),
    "insufficient_user_authentication": _always(SIGN_IN),
}
