"""Foreign issuers: what each profile takes, and that it takes nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_server import Guard, Issuer
from resource_server.verifier import errors
from resource_server.verifier.profile import PROFILES, RFC9068, find_profile
from resource_server.verifier.token import VerifiedToken
from resource_server.verifier.verify import verify
from tests.resource_server.support import (
    AUDIENCE,
    NOW,
    IssuerServer,
    a_guard,
    a_header,
    a_key_set,
    a_policy,
    a_token,
    claims,
    rs256,
    rsa_key,
)

KEYCLOAK_CLAIMS = {
    "client_id": ...,
    "azp": "shop",
    "typ": "Bearer",
    "sid": "0f1c",
    "realm_access": {"roles": ["editor"]},
    "resource_access": {AUDIENCE: {"roles": ["notes:write"]}, "account": {"roles": ["manage-account"]}},
    "preferred_username": "alice",
}
AUTH0_CLAIMS = {"client_id": ..., "azp": "shop", "jti": ..., "permissions": ["notes:write"], "exp": NOW + 86_400}
GENERIC_CLAIMS = {"client_id": ..., "cid": "shop", "jti": ..., "scope": ..., "scp": ["notes:read"], "auth_time": NOW}
FOREIGN = {"keycloak": KEYCLOAK_CLAIMS, "auth0": AUTH0_CLAIMS, "generic": GENERIC_CLAIMS}
EVERY = pytest.mark.parametrize("profile", sorted(FOREIGN))


def judged(profile: str, header: dict[str, object] | None = None, **members: object) -> VerifiedToken:
    """Verify the profile's own kind of token, with what is named instead."""
    named = find_profile(profile)
    token = a_token(claims(**{**FOREIGN.get(profile, {}), **members}), header or a_header(typ="JWT"))
    return verify(token, a_key_set(), a_policy(profile=named, max_lifetime=named.max_lifetime), NOW)


@EVERY
def test_an_issuers_own_kind_of_token_is_understood(profile: str) -> None:
    token = judged(profile)

    assert (token.subject, token.client_id, token.scopes) == ("alice", "shop", {"notes:read"})
    assert token.is_person


@EVERY
def test_the_same_token_is_refused_where_nothing_is_relaxed(profile: str) -> None:
    token = a_token(claims(**FOREIGN[profile]), a_header(typ="JWT"))
    with pytest.raises(errors.WrongType):
        verify(token, a_key_set(), a_policy(), NOW)
    with pytest.raises((errors.MissingClaim, errors.LifetimeTooLong)):
        verify(a_token(claims(**FOREIGN[profile])), a_key_set(), a_policy(), NOW)


def test_keycloaks_roles_are_the_realms_and_its_entitlements_those_of_this_api() -> None:
    token = judged("keycloak")

    assert (token.roles, token.entitlements) == ({"editor"}, {"notes:write"})
    assert judged("keycloak", resource_access={"account": {"roles": ["x"]}}).entitlements == frozenset()
    assert judged("keycloak", roles=["own"]).roles == {"own"}


def test_auth0s_permissions_are_entitlements() -> None:
    assert judged("auth0").entitlements == {"notes:write"}


def test_the_claims_stay_as_they_came() -> None:
    token = judged("keycloak")

    assert "client_id" not in token.claims
    assert token.claims["azp"] == "shop"


@EVERY
@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "jwt"])
def test_types_that_say_access_token_stay_good(profile: str, typ: str) -> None:
    assert judged(profile, a_header(typ=typ)).subject == "alice"


@EVERY
@pytest.mark.parametrize("typ", ["logout+jwt", "dpop+jwt", "JOSE", "at+jwt+x", 1, None, ["JWT"]])
def test_no_profile_takes_another_kind_of_token_by_its_header(profile: str, typ: object) -> None:
    with pytest.raises(errors.WrongType):
        judged(profile, a_header(typ=typ))


def test_only_the_generic_profile_takes_a_token_without_a_type() -> None:
    assert judged("generic", a_header(typ=...)).subject == "alice"
    for profile in ("keycloak", "auth0"):
        with pytest.raises(errors.WrongType):
            judged(profile, a_header(typ=...))


@pytest.mark.parametrize(
    "profile, given_away",
    [
        ("keycloak", {"typ": "ID"}),
        ("keycloak", {"typ": "Refresh"}),
        ("keycloak", {"typ": "Logout"}),
        ("keycloak", {"typ": ...}),
        ("keycloak", {"typ": {"a": 1}}),
        ("keycloak", {"events": {}}),
        *(
            (profile, {member: value})
            for profile in ("auth0", "generic")
            for member, value in {"nonce": "n", "at_hash": "h", "c_hash": "h", "s_hash": "h", "events": {}}.items()
        ),
        ("generic", {"typ": "ID"}),
        ("generic", {"token_use": "id"}),
        ("generic", {"token_use": [{"a": 1}]}),
    ],
)
def test_an_id_token_is_still_no_access_token(profile: str, given_away: dict[str, object]) -> None:
    """The header no longer tells them apart (S07, S09), so something else has to."""
    with pytest.raises(errors.WrongType):
        judged(profile, **given_away)


@EVERY
@pytest.mark.parametrize(
    "members, refusal",
    [
        ({"iss": "https://evil.example"}, errors.WrongIssuer),
        ({"iss": ...}, errors.MissingClaim),
        ({"aud": "account"}, errors.WrongAudience),
        ({"aud": ...}, errors.MissingClaim),
        ({"exp": ...}, errors.MissingClaim),
        ({"exp": NOW - 60}, errors.Expired),
        ({"exp": "9999999999"}, errors.BadClaim),
        ({"iat": ...}, errors.MissingClaim),
        ({"iat": NOW + 61}, errors.IssuedInTheFuture),
        ({"nbf": NOW + 61}, errors.NotYetValid),
        ({"sub": ...}, errors.MissingClaim),
        ({"sub": 1}, errors.BadClaim),
        ({"azp": ..., "cid": ...}, errors.MissingClaim),
        ({"azp": ["shop"], "cid": ["shop"]}, errors.BadClaim),
        ({"exp": NOW + 86_401}, errors.LifetimeTooLong),
        ({"cnf": {"jkt": "x"}}, errors.BoundToken),
        ({"jti": 1}, errors.BadClaim),
    ],
)
def test_nothing_else_is_relaxed(profile: str, members: dict[str, object], refusal: type[errors.TokenRefused]) -> None:
    with pytest.raises(refusal):
        judged(profile, **members)


@EVERY
@pytest.mark.parametrize("member", ["jku", "jwk", "x5u", "x5c", "crit", "b64", "zip"])
def test_no_profile_takes_a_header_that_brings_a_key(profile: str, member: str) -> None:
    with pytest.raises(errors.ForbiddenHeader):
        judged(profile, a_header(typ="JWT", **{member: "x"}))


def test_a_fingerprint_of_a_certificate_is_passed_over_by_the_generic_profile_alone() -> None:
    header = a_header(typ="JWT", x5t="x")
    assert judged("generic", header).subject == "alice"
    for profile in ("keycloak", "auth0"):
        with pytest.raises(errors.ForbiddenHeader):
            judged(profile, header)


def test_keycloaks_tokens_need_an_id_and_live_an_hour_at_most() -> None:
    with pytest.raises(errors.MissingClaim):
        judged("keycloak", jti=...)
    with pytest.raises(errors.LifetimeTooLong):
        judged("keycloak", exp=NOW + 3601)


def test_one_odd_element_in_a_list_of_scopes_spoils_it() -> None:
    """S14 for lists: joined by spaces, "a admin" would be two scopes."""
    for odd in (["notes:read admin"], [""], ["a", 1], ['a"']):
        with pytest.raises(errors.BadClaim):
            judged("generic", scp=odd)
    assert judged("generic", scp="a b").scopes == {"a", "b"}


@pytest.mark.parametrize(
    "profile, members",
    [
        ("rfc9068", {"sub": "app"}),
        ("keycloak", {"preferred_username": "service-account-shop"}),
        ("keycloak", {"sid": ...}),
        ("auth0", {"sub": "shop@clients"}),
        ("auth0", {"gty": "client-credentials"}),
        ("generic", {"sub": "shop"}),
        ("generic", {"idtyp": "app"}),
        ("generic", {"scp": ..., "auth_time": ...}),
    ],
)
def test_a_client_is_no_person_however_its_issuer_says_so(profile: str, members: dict[str, object]) -> None:
    """S15: where it cannot be told, the answer is no."""
    assert not judged(profile, a_header(), **members).is_person


@given(st.dictionaries(st.sampled_from(["typ", "scp", "azp", "realm_access", "resource_access", "token_use", "events"]), st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["roles", AUDIENCE, "x"]), inner, max_size=2),
    max_leaves=4,
)), st.sampled_from(sorted(FOREIGN)))  # fmt: skip
def test_any_claims_give_a_token_or_a_refusal(members: dict[str, Any], profile: str) -> None:
    try:
        token = judged(profile, **members)
    except errors.TokenRefused:
        return
    assert isinstance(token.roles | token.entitlements | token.scopes, frozenset)
    assert token.is_person in {True, False}


def test_the_default_relaxes_nothing() -> None:
    assert (RFC9068.relaxes, RFC9068.demands, RFC9068.ignored_headers, RFC9068.found_at) == ((), (), frozenset(), None)
    assert all(profile.relaxes and profile.demands for profile in PROFILES.values() if profile is not RFC9068)


# Through the guard.


def test_a_guard_takes_a_profile_by_its_name(issuer: IssuerServer) -> None:
    token = a_token(claims(iss=issuer.url, **KEYCLOAK_CLAIMS), a_header(typ="JWT"))
    with a_guard(issuer, profile="keycloak") as guard:
        who = guard.verify(token)
        assert guard.verify(token).client_id == who.client_id == "shop"
    with a_guard(issuer) as guard, pytest.raises(errors.WrongType):
        guard.verify(token)


def test_each_of_several_issuers_has_its_own_profile(issuer: IssuerServer) -> None:
    ours, theirs = "https://ours.example.com", issuer.url
    guard = Guard(issuer=[ours, Issuer(theirs, profile="auth0")], audience=AUDIENCE, clock=lambda: NOW)
    try:
        assert guard.verify(a_token(claims(iss=theirs, **AUTH0_CLAIMS), a_header(typ="JWT"))).client_id == "shop"
        with pytest.raises(errors.TokenRefused) as refused:
            guard.verify(a_token(claims(iss=ours, **AUTH0_CLAIMS), a_header(typ="JWT"), rs256(rsa_key("two"))))
        assert refused.value.reason == "wrong_type"
    finally:
        guard.close()


def test_a_lifetime_may_be_set_lower_than_the_profiles_and_never_higher(issuer: IssuerServer) -> None:
    with a_guard(issuer, profile="auth0", max_lifetime=600) as guard, pytest.raises(errors.LifetimeTooLong):
        guard.verify(a_token(claims(iss=issuer.url, **AUTH0_CLAIMS), a_header(typ="JWT")))
    for profile, too_long in (("rfc9068", 3601), ("keycloak", 3601), ("auth0", 86_401)):
        with pytest.raises(ValueError, match="max_lifetime"):
            Guard(issuer=issuer.url, audience=AUDIENCE, profile=profile, max_lifetime=too_long)


def test_an_unknown_profile_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(ValueError, match="keycloak"):
        Guard(issuer="https://a.example", audience=AUDIENCE, profile="okta")
