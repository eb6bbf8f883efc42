"""The claims of an access token."""

from __future__ import annotations

from auth_server.protocol.access_token import access_token_claims
from auth_server.protocol.authorization import Authorization, SignIn
from shared.claims import REQUIRED, AccessTokenClaims
from tests.support.builders import NOTES, NOW, a_client, an_authorization


def _claims(authorization: Authorization) -> AccessTokenClaims:
    return access_token_claims(authorization, issuer="https://id.example", issued_at=NOW, lifetime=600, token_id="jti-1")


def test_every_required_claim_is_there() -> None:
    """RFC 9068 section 2.2."""
    claims = _claims(an_authorization())

    assert set(REQUIRED) <= claims.keys()
    assert claims["iss"] == "https://id.example"
    assert claims["aud"] == NOTES
    assert (claims["sub"], claims["client_id"]) == ("alice", "app")
    assert (claims["iat"], claims["exp"]) == (NOW, NOW + 600)


def test_a_client_that_acts_for_itself_is_its_own_subject_and_nothing_about_a_person_is_in_the_token() -> None:
    claims = _claims(an_authorization(client=a_client("svc"), subject="svc", sign_in=None, scope=frozenset({"b", "a"})))

    assert claims == {
        "iss": "https://id.example",
        "sub": "svc",
        "aud": NOTES,
        "exp": NOW + 600,
        "iat": NOW,
        "jti": "jti-1",
        "client_id": "svc",
        "scope": "a b",
    }


def test_a_sign_in_says_when_and_how() -> None:
    claims = _claims(an_authorization(sign_in=SignIn(NOW - 5, "1", ("pwd", "otp"), "sid-1")))

    assert (claims["auth_time"], claims["acr"], claims["amr"], claims["sid"]) == (NOW - 5, "1", ["pwd", "otp"], "sid-1")


def test_a_grant_that_outlives_the_session_does_not_name_it() -> None:
    assert "sid" not in _claims(an_authorization(sign_in=SignIn(NOW, "1", ("pwd",), None)))


def test_no_scope_is_no_claim() -> None:
    assert "scope" not in _claims(an_authorization(scope=frozenset()))


def test_roles_entitlements_and_the_family_are_there_when_there_are_any() -> None:
    claims = _claims(an_authorization(roles=("editor",), entitlements=("notes:read",), grant_id="family-1"))

    assert (claims["roles"], claims["entitlements"], claims["grant_id"]) == (["editor"], ["notes:read"], "family-1")
    assert not {"roles", "entitlements", "grant_id"} & _claims(an_authorization()).keys()
