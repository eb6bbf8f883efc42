"""Attacks on what is answered without asking anybody: rows B14 and B16 to B18 of the checklist (OpenID Connect Core section 3.1.2.1)."""

from __future__ import annotations

import json

from shared import base64url
from tests.support.auth_app import Issuer
from tests.support.keys import claims_of
from tests.support.visitor import Visitor, answer_of


async def test_b14_silent_consent(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    await visitor.sign_in()

    assert (await visitor.refusal(prompt="none"))["error"] == "consent_required"


async def test_b14_consent_of_somebody_else_does_not_count(issuer: Issuer) -> None:
    await Visitor(issuer).code()
    visitor = Visitor(issuer)
    await visitor.sign_in("bob")

    assert (await visitor.refusal(prompt="none"))["error"] == "consent_required"


async def test_silence_succeeds_for_somebody_who_signed_in_and_consented(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    await visitor.code()

    assert "code" in answer_of(await visitor.authorize(prompt="none"))


async def test_b16_a_stale_session(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    await visitor.code()
    issuer.clock.advance(5)

    assert (await visitor.refusal(prompt="none", max_age="1"))["error"] == "login_required"
    assert "code" in answer_of(await visitor.authorize(prompt="none", max_age="6"))


async def test_b17_another_persons_hint(issuer: Issuer) -> None:
    hint = (await Visitor(issuer).tokens(username="bob"))["id_token"]
    visitor = Visitor(issuer)
    await visitor.code()

    assert (await visitor.refusal(prompt="none", id_token_hint=hint))["error"] == "login_required"


async def test_a_hint_of_the_person_who_is_signed_in(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    hint = (await visitor.tokens())["id_token"]
    # Also long after it expired.
    await issuer.advance(3600)

    assert "code" in answer_of(await visitor.authorize(prompt="none", id_token_hint=hint))


async def test_b18_a_forged_hint(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    tokens = await visitor.tokens()
    header, payload, signature = tokens["id_token"].split(".")
    unsigned = base64url.encode(b'{"alg":"none","typ":"JWT"}')
    flipped = ("A" if signature[9] != "A" else "B").join([signature[:9], signature[10:]])
    other = base64url.encode(json.dumps(claims_of(tokens["id_token"]) | {"sub": "mallory"}).encode())

    for forged in (
        f"{unsigned}.{payload}.",
        f"{header}.{payload}.{flipped}",
        f"{header}.{other}.{signature}",
        tokens["access_token"],
        "eyJ",
    ):
        answer = await Visitor(issuer).refusal(prompt="none", id_token_hint=forged)
        assert answer["error"] == "invalid_request"
        assert "mallory" not in str(answer)


async def test_a_hint_for_another_client_is_no_hint(issuer: Issuer) -> None:
    hint = (await Visitor(issuer).tokens("other"))["id_token"]

    assert (await Visitor(issuer).refusal(id_token_hint=hint))["error"] == "invalid_request"
