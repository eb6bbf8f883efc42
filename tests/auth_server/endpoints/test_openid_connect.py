"""OpenID Connect over the running server: ID tokens, claims, subjects, what is asked of a person again."""

from __future__ import annotations

import json
from typing import Any

from auth_server.protocol.id_token import at_hash
from auth_server.sessions.rules import ACR_PASSWORD
from shared.jose import ED25519, RS256
from tests.support.auth_app import ISSUER, Issuer
from tests.support.builders import a_resource
from tests.support.keys import claims_of, header_of, is_signed_by
from tests.support.visitor import Visitor, answer_of

CLAIMS = {
    "name": "Alice Liddell",
    "given_name": "Alice",
    "phone_number": "+44 20 7946 0000",
    "phone_number_verified": True,
    "address": {"locality": "Oxford", "country": "GB"},
    "https://hr.example/department": "croquet",
    "department": "croquet",
}


async def _knows(issuer: Issuer) -> str:
    sub = await issuer.sub()
    await issuer.store.run(lambda tx: tx.account_claims.set(sub, CLAIMS, ("ground", "admins")))
    return sub


async def _userinfo(issuer: Issuer, token: str) -> dict[str, Any]:
    answer = await issuer.http.get("/userinfo", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_an_id_token_tells_of_the_sign_in(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    tokens = await visitor.tokens()
    keys = (await issuer.http.get("/.well-known/jwks.json")).json()["keys"]
    session = issuer.rows("session")[0]

    claims = claims_of(tokens["id_token"])

    assert {name: claims[name] for name in claims if name not in ("iat", "exp")} == {
        "iss": ISSUER,
        "sub": await issuer.sub(),
        "aud": "app",
        "auth_time": session["auth_time"],
        "acr": ACR_PASSWORD,
        "amr": ["pwd"],
        "nonce": "nonce-of-a-test",
        "at_hash": at_hash(tokens["access_token"], RS256),
        "sid": session["sid"],
    }
    assert claims["exp"] - claims["iat"] == 600
    assert header_of(tokens["id_token"])["typ"] == "JWT"
    assert any(is_signed_by(tokens["id_token"], key) for key in keys)


def test_at_hash_of_the_specification() -> None:
    """OpenID Connect Core appendix A.3: the published token and its hash."""
    token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"

    assert at_hash(token, RS256) == "77QmUPtjPfzWtF2AnpK9RQ"
    assert len(at_hash(token, ED25519)) == 43


async def test_a_refreshed_id_token_is_of_the_same_sign_in_and_has_no_nonce(issuer: Issuer) -> None:
    first = await Visitor(issuer).tokens()
    issuer.clock.advance(60)

    second = (await issuer.refresh(first["refresh_token"], "app")).json()

    before, after = claims_of(first["id_token"]), claims_of(second["id_token"])
    same = ("iss", "sub", "aud", "auth_time", "sid", "acr")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert after["iat"] == before["iat"] + 60
    assert "nonce" not in after
    assert after["at_hash"] == at_hash(second["access_token"], RS256)


async def test_each_scope_releases_its_claims(issuer: Issuer) -> None:
    sub = await _knows(issuer)
    visitor = Visitor(issuer)

    nothing = await _userinfo(issuer, (await visitor.tokens(scope="openid"))["access_token"])
    everything = await _userinfo(
        issuer, (await visitor.tokens(scope="openid profile email address phone groups"))["access_token"]
    )

    assert nothing == {"sub": sub}
    updated = everything.pop("updated_at")
    assert isinstance(updated, int)
    assert everything == {
        "sub": sub,
        "name": "Alice Liddell",
        "given_name": "Alice",
        "preferred_username": "alice",
        "email": "alice@mail.example",
        "email_verified": False,
        "address": {"locality": "Oxford", "country": "GB"},
        "phone_number": "+44 20 7946 0000",
        "phone_number_verified": True,
        "groups": ["admins", "ground"],
    }


async def test_userinfo_takes_the_token_from_a_form_as_well(issuer: Issuer) -> None:
    token = (await Visitor(issuer).tokens())["access_token"]

    answers = [
        await issuer.http.post("/userinfo", data={"access_token": token}),
        await issuer.http.post("/userinfo", headers={"Authorization": f"Bearer {token}"}),
    ]

    assert [answer.json() for answer in answers] == [{"sub": await issuer.sub()}] * 2


async def test_the_claims_parameter_says_where_a_claim_is_wanted_and_scopes_whether(issuer: Issuer) -> None:
    await _knows(issuer)
    asked = {
        "id_token": {"name": None, "email": {"essential": True}, "auth_time": {"essential": True}, "department": None},
        "userinfo": {"https://hr.example/department": None, "phone_number": None},
    }

    tokens = await Visitor(issuer).tokens(scope="openid profile", claims=json.dumps(asked))

    id_token, userinfo = claims_of(tokens["id_token"]), await _userinfo(issuer, tokens["access_token"])
    assert (id_token["name"], "email" in id_token, "department" in id_token) == ("Alice Liddell", False, False)
    assert userinfo["https://hr.example/department"] == "croquet"
    assert "phone_number" not in userinfo
    refreshed = (await issuer.refresh(tokens["refresh_token"], "app")).json()
    assert claims_of(refreshed["id_token"])["name"] == "Alice Liddell"


async def test_an_access_token_tells_a_resource_what_it_declared_and_nothing_else(issuer: Issuer) -> None:
    await _knows(issuer)
    await issuer.services.resources.delete("http://localhost:8001")
    declared = frozenset({"groups", "department", "https://hr.example/department"})
    await issuer.services.resources.create(a_resource(claims=declared))
    visitor = Visitor(issuer)

    tokens = await visitor.tokens(scope="openid profile email notes:read", resource="http://localhost:8001")
    refreshed = (await issuer.refresh(tokens["refresh_token"], "app")).json()

    for token in (tokens["access_token"], refreshed["access_token"]):
        claims = claims_of(token)
        assert (claims["groups"], claims["department"]) == (["admins", "ground"], "croquet")
        assert claims["https://hr.example/department"] == "croquet"
        assert not {"name", "email", "preferred_username", "phone_number"} & claims.keys()


async def test_a_pairwise_subject_is_one_name_in_one_sector_and_tells_nothing_to_others(issuer: Issuer) -> None:
    sub = await issuer.sub()
    visitor = Visitor(issuer)
    paired, again = await visitor.tokens("paired"), await visitor.tokens("paired")
    public = await visitor.tokens("app")

    subject = claims_of(paired["id_token"])["sub"]

    assert claims_of(again["id_token"])["sub"] == claims_of(paired["access_token"])["sub"] == subject
    assert claims_of(public["id_token"])["sub"] == sub != subject
    assert sub not in json.dumps(claims_of(paired["access_token"]) | claims_of(paired["id_token"]))
    assert (await _userinfo(issuer, paired["access_token"]))["sub"] == subject
    assert claims_of((await issuer.refresh(paired["refresh_token"], "paired")).json()["access_token"])["sub"] == subject
    assert "code" in answer_of(await visitor.authorize("paired", prompt="none", id_token_hint=paired["id_token"]))


async def test_whoever_is_ended_is_ended_under_every_name(issuer: Issuer) -> None:
    tokens = await Visitor(issuer).tokens("paired", scope="openid offline_access")
    sub = await issuer.sub()

    await issuer.services.administration.disable(sub, "test")

    named = {row["key"] for row in issuer.rows("feed_entry") if row["kind"] == "sub_nbf"}
    assert named == {sub, claims_of(tokens["access_token"])["sub"]}


async def test_prompt_login_asks_again_and_moves_auth_time(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    first = claims_of((await visitor.tokens())["id_token"])
    await issuer.advance(100)

    second = claims_of((await visitor.tokens(prompt="login"))["id_token"])

    assert second["auth_time"] == first["auth_time"] + 100
    assert second["sid"] == first["sid"]


async def test_consent_is_remembered_and_prompt_consent_asks_again(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    await visitor.code()

    remembered = await visitor.authorize()
    asked = await visitor.authorize(prompt="consent")
    wider = await visitor.authorize(scope="openid email notes:read")

    assert "code" in answer_of(remembered)
    assert "/consent?" in asked.headers["location"]
    assert [(scope.name, scope.is_new) for scope in (await visitor.waiting(wider)).scopes] == [
        ("email", True),
        ("notes:read", False),
        ("openid", False),
    ]


async def test_a_native_app_is_shown_each_time(issuer: Issuer) -> None:
    """RFC 8252 section 8.6: its name proves nothing."""
    visitor = Visitor(issuer)
    await visitor.code("native")

    assert "/consent?" in (await visitor.authorize("native")).headers["location"]


async def test_a_client_of_the_operators_own_asks_for_no_consent(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    await visitor.sign_in()

    assert "code" in answer_of(await visitor.authorize("own"))


async def test_denying_tells_the_client_and_ends_the_request(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    asked = await visitor.waiting(await visitor.authorize())
    await visitor.interactions.deny(asked.id, visitor.browser)

    answer = await visitor.send("GET", asked.resume_path)
    again = await visitor.send("GET", asked.resume_path)

    assert (answer_of(answer)["error"], answer_of(answer)["iss"]) == ("access_denied", ISSUER)
    assert again.status_code == 400


async def test_an_essential_acr_nobody_reaches_is_told(issuer: Issuer) -> None:
    asked = json.dumps({"id_token": {"acr": {"essential": True, "values": ["urn:example:hardware"]}}})

    assert answer_of(await Visitor(issuer).authorize(claims=asked))["error"] == "unmet_authentication_requirements"
