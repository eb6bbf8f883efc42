"""S: attacks on the claims of an access token, against the notes API (RFC 8725 sections 3.8 to 3.12, RFC 9068 section 4).

Every token here is validly signed by the issuer's real key.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from resource_server.demo.app import build_app
from tests.attacks.forging import two_issuers
from tests.resource_server.api import Api, an_api, as_json
from tests.resource_server.calls import call
from tests.resource_server.support import AUDIENCE, NOW, a_guard, a_header, a_token, an_issuer, claims, rs256, rsa_jwk, rsa_key


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with an_api() as api:
        api.accepts(api.token())
        yield api


def test_s01_another_issuer(api: Api) -> None:
    url = api.issuer.url
    for issuer in (
        "https://evil.example",
        url + "/",
        url.upper(),
        url[:-1],
        url + "0",
        [url],
        [url, "x"],
        "",
        1,
        None,
        {"iss": url},
    ):
        api.refuses(api.token(iss=issuer), "wrong_issuer")
    api.refuses(api.token(iss=...), "missing_claim")


@pytest.mark.parametrize(
    "audience", ["https://other.example", AUDIENCE[:-1], AUDIENCE + "x", AUDIENCE + "/", [], [""], "", ["https://other.example"]]
)
def test_s02_another_audience(api: Api, audience: object) -> None:
    api.refuses(api.token(aud=audience), "wrong_audience")


@pytest.mark.parametrize("audience", [..., 1, None, True, {AUDIENCE: 1}, [AUDIENCE, 1]])
def test_s02_an_audience_of_another_form(api: Api, audience: object) -> None:
    api.refuses(api.token(aud=audience))


def test_s02_a_list_with_ours_in_it_passes(api: Api) -> None:
    api.accepts(api.token(aud=["https://other.example", AUDIENCE]))


def test_s03_expired_by_a_second_beyond_the_leeway(api: Api) -> None:
    api.refuses(api.token(iat=NOW - 600, exp=NOW - 61), "expired")
    api.refuses(api.token(iat=NOW - 600, exp=NOW - 60), "expired")
    api.accepts(api.token(iat=NOW - 600, exp=NOW - 59))


@pytest.mark.parametrize(
    "exp", [..., '"9999999999"', "true", "null", "-1", "1e400", "NaN", "[]", "1" + "0" * 30, "1800000600.0", "18e8"]
)
def test_s04_an_odd_expiry(api: Api, exp: object) -> None:
    claims = api.claims(exp=...)
    raw = as_json(claims) if exp is ... else as_json(claims)[:-1] + f', "exp": {exp}}}'.encode()

    api.refuses(a_token(raw))


@pytest.mark.parametrize("nbf", [NOW + 61, "x", 1.5, None, True, []])
def test_s05_not_yet_valid(api: Api, nbf: object) -> None:
    api.refuses(api.token(nbf=nbf))


def test_s05_within_the_leeway_it_passes(api: Api) -> None:
    api.accepts(api.token(nbf=NOW + 60))


@pytest.mark.parametrize("iat", [NOW + 61, ..., "1", None])
def test_s06_from_the_future(api: Api, iat: object) -> None:
    api.refuses(api.token(iat=iat, exp=NOW + 600))


def test_s07_an_id_token(api: Api) -> None:
    id_token = {
        "iss": api.issuer.url,
        "sub": "alice",
        "aud": "app",
        "exp": NOW + 600,
        "iat": NOW,
        "nonce": "n",
        "auth_time": NOW,
        "at_hash": "x",
    }
    api.refuses(a_token(id_token, a_header(typ="JWT")), "wrong_type")
    api.refuses(a_token({**id_token, "aud": AUDIENCE}, a_header(typ=...)), "wrong_type")


@pytest.mark.parametrize("kind", [..., "JWT", "at+jwt+x", 1, "", "at+jwt ", None, ["at+jwt"], "application/jwt"])
def test_s08_an_untyped_token(api: Api, kind: object) -> None:
    api.refuses(api.token(a_header(typ=kind)), "wrong_type")


@pytest.mark.parametrize("kind", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_s08_both_spellings_pass_in_any_case(api: Api, kind: str) -> None:
    api.accepts(api.token(a_header(typ=kind)))


@pytest.mark.parametrize(
    "kind",
    ["logout+jwt", "dpop+jwt", "token-introspection+jwt", "secevent+jwt", "client-authentication+jwt", "revocation-feed+jwt"],
)
def test_s09_other_kinds_by_the_same_key(api: Api, kind: str) -> None:
    api.refuses(api.token(a_header(typ=kind)), "wrong_type")


@pytest.mark.parametrize("name", ["sub", "client_id", "jti", "iat", "exp"])
def test_s10_a_claim_missing(api: Api, name: str) -> None:
    api.refuses(api.token(**{name: ...}), "missing_claim")


@pytest.mark.parametrize(
    "members",
    [
        {"sub": 1},
        {"client_id": []},
        {"jti": {}},
        {"scope": ["a"]},
        {"roles": "admin"},
        {"roles": {"admin": True}},
        {"entitlements": ["a", 1]},
        {"groups": [["a"]]},
        {"sub": ""},
        {"act": "x"},
    ],
)
def test_s11_a_claim_of_the_wrong_type(api: Api, members: dict[str, object]) -> None:
    api.refuses(api.token(**members), "bad_claim")


def test_s12_too_little_scope(api: Api) -> None:
    answer = api.ask(api.token(scope="notes:write"), "/notes")

    assert answer.status == 403
    challenge = answer.header("www-authenticate") or ""
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="notes:read"' in challenge


@pytest.mark.parametrize("scope", ["notes:readonly", "xnotes:read", "notes", "notes:", "NOTES:READ", "notes:read:all", ...])
def test_s13_scope_by_substring(api: Api, scope: object) -> None:
    answer = api.ask(api.token(scope=scope), "/notes")

    assert (answer.status, answer.json["reason"]) == (403, "insufficient_scope")


@pytest.mark.parametrize(
    "scope", ["a,notes:read", "a\tnotes:read", "a\nnotes:read", "notes:read,", "a\u00a0notes:read", '"notes:read"']
)
def test_s14_scope_by_separator(api: Api, scope: str) -> None:
    answer = api.ask(api.token(scope=scope), "/notes")

    assert (answer.status, answer.json["reason"]) == (403, "insufficient_scope")


def test_s15_a_client_as_a_user(api: Api) -> None:
    @api.guard.requires(person=True)
    async def for_people(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    app = Starlette(routes=[Route("/people", for_people)])

    assert call(app, "/people", token=api.token()).status == 200
    assert call(app, "/people", token=api.token(sub="app")).status == 403


@pytest.mark.parametrize("member", [{"jkt": "x"}, {"x5t#S256": "x"}, {"unknown": 1}, {}, None])
def test_s16_a_bound_token_as_a_bearer_token(api: Api, member: object) -> None:
    api.refuses(api.token(cnf=member), "bound_token")


def test_s17_the_same_jti_of_another_issuer_and_another_audience(api: Api) -> None:
    """Each token is judged for itself, whatever was remembered before (GHSA-4mq7-pvjg-xp2r of another product)."""
    api.accepts(api.token(jti="shared"))
    api.refuses(api.token(jti="shared", sub="mallory", iss="https://evil.example"), "wrong_issuer")
    api.refuses(api.token(jti="shared", aud="https://other.example"), "wrong_audience")
    with an_api() as other:
        other.issuer.publish(rsa_jwk("one", rsa_key("two")))
        theirs = a_token(other.claims(jti="shared", sub="bob"), sign=rs256(rsa_key("two")))
        assert other.accepts(theirs).json["sub"] == "bob"
        api.refuses(theirs)
        other.refuses(api.token(jti="shared"))


def test_s17_the_same_jti_of_two_trusted_issuers_in_one_guard() -> None:
    with an_issuer() as first, an_issuer() as second:
        second.publish(rsa_jwk("one", rsa_key("two")))
        with two_issuers(first, second) as guard:
            app = Api(first, guard, build_app(guard))
            tokens = {
                "alice": a_token(claims(iss=first.url, sub="alice", jti="shared")),
                "bob": a_token(claims(iss=second.url, sub="bob", jti="shared"), sign=rs256(rsa_key("two"))),
            }
            for _ in range(2):
                assert [app.accepts(token).json["sub"] for token in tokens.values()] == list(tokens)
                app.refuses(a_token(claims(iss=second.url, sub="alice", jti="shared")), "bad_signature")


def test_s17_the_same_token_on_a_second_route_with_another_scope(api: Api) -> None:
    """CVE-2021-32701 of another product: a remembered token skipped the scope of the second route."""
    token = api.token(scope="notes:read")
    api.accepts(token)

    assert api.ask(token, "/notes").status == 200
    assert api.ask(token, "/notes", method="POST").status == 403
    assert api.ask(token, "/admin/notes").status == 403


def test_s17_two_guards_over_one_issuer_do_not_share_what_they_know(api: Api) -> None:
    api.accepts(api.token())
    with a_guard(api.issuer, audience="https://other.example") as guard:
        Api(api.issuer, guard, build_app(guard)).refuses(api.token(), "wrong_audience")
