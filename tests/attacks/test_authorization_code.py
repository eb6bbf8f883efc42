"""Attacks on the authorization code: rows D01 to D22 of the project's checklist (RFC 9700 sections 2.1.1, 4.5, 4.8), and the history's
rows 39, 49, 60, 61, 62, 68, 81, 82, 83, 87 and 90 as far as they concern codes.
"""

from __future__ import annotations

import asyncio

import pytest

from auth_server.protocol.authorization_request import AuthorizationRequest
from auth_server.tokens.codes import Approved
from tests.support.answers import FORM, assert_refused
from tests.support.auth_app import Issuer, basic
from tests.support.builders import FACTS
from tests.support.keys import claims_of
from tests.support.registered import SECRETS
from tests.support.visitor import CHALLENGE, VERIFIER, Visitor, a_code, answer_of


async def test_d01_a_replayed_code_ends_what_it_became(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    code = await visitor.code()
    first = (await visitor.exchange(code)).json()

    assert_refused(await visitor.exchange(code))

    assert_refused(await issuer.refresh(first["refresh_token"], "app"))
    assert (await issuer.userinfo(first["access_token"])).status_code == 401
    entries = [(row["kind"], row["key"]) for row in issuer.rows("feed_entry")]
    assert entries == [("grant", claims_of(first["access_token"])["grant_id"])]
    assert len(issuer.events("code.replayed")) == 1


async def test_d02_a_stolen_code_is_of_no_use_to_another_client_and_stays_good(issuer: Issuer) -> None:
    """Row 60 of the history as well: the code is not burned by a stranger."""
    visitor = Visitor(issuer)
    code = await visitor.code()

    assert_refused(await visitor.exchange(code, "other", redirect_uri="https://app.example/cb"))
    assert_refused(await visitor.exchange(code, "spa", redirect_uri="https://app.example/cb"))

    assert (await visitor.exchange(code)).status_code == 200


async def test_d03_a_code_is_refused_from_the_second_it_expires(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    code = await visitor.code()
    issuer.clock.advance(60)

    assert_refused(await visitor.exchange(code))


async def test_d03_a_code_is_good_until_the_last_second(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    code = await visitor.code()
    issuer.clock.advance(59)

    assert (await visitor.exchange(code)).status_code == 200


async def _assert_spends_the_code(issuer: Issuer, verifier: str | None) -> None:
    """There is one guess, also with the right verifier afterwards."""
    visitor = Visitor(issuer)
    code = await visitor.code()
    spoiled = len(issuer.events("code.spoiled"))

    assert_refused(await visitor.exchange(code, code_verifier=verifier))
    assert_refused(await visitor.exchange(code))

    assert len(issuer.events("code.spoiled")) == spoiled + 1
    assert issuer.rows("refresh_family") == []


async def test_d04_another_verifier(issuer: Issuer) -> None:
    await _assert_spends_the_code(issuer, "b" * 43)


async def test_d05_no_verifier(issuer: Issuer) -> None:
    await _assert_spends_the_code(issuer, None)


async def test_d07_a_malformed_verifier(issuer: Issuer) -> None:
    for malformed in (VERIFIER[:42], "a" * 129, VERIFIER + " "):
        await _assert_spends_the_code(issuer, malformed)


async def test_d08_the_challenge_given_as_verifier(issuer: Issuer) -> None:
    await _assert_spends_the_code(issuer, CHALLENGE)


async def test_cve_82_a_wrong_verifier_uses_the_code_up(issuer: Issuer) -> None:
    await _assert_spends_the_code(issuer, "c" * 43)


async def test_d06_a_verifier_for_a_code_without_a_challenge_is_a_downgrade(issuer: Issuer) -> None:
    """Rows 68 and 81 of the history."""
    visitor = Visitor(issuer)
    plain: dict[str, str | None] = {"code_challenge": None, "code_challenge_method": None}

    assert_refused(await visitor.exchange(await visitor.code("certified", **plain), "certified"))
    without = await visitor.exchange(await visitor.code("certified", **plain), "certified", code_verifier=None)

    assert without.status_code == 200


async def test_a_client_that_may_do_without_pkce_and_used_it_is_held_to_it(issuer: Issuer) -> None:
    visitor = Visitor(issuer)

    assert_refused(await visitor.exchange(await visitor.code("certified"), "certified", code_verifier=None))


async def test_a_code_without_a_challenge_needs_its_redirect_uri(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    code = await visitor.code("certified", code_challenge=None, code_challenge_method=None)

    assert_refused(await visitor.exchange(code, "certified", code_verifier=None, redirect_uri=None))


@pytest.mark.parametrize("uri", ["https://app.example/cb2", "https://other.example/cb2", "https://evil.example/cb"])
async def test_d09_another_redirect_uri_spends_the_code(issuer: Issuer, uri: str) -> None:
    visitor = Visitor(issuer)
    code = await visitor.code("other")

    assert_refused(await visitor.exchange(code, "other", redirect_uri=uri))
    assert_refused(await visitor.exchange(code, "other"))


@pytest.mark.parametrize("twice", ["code", "grant_type", "client_id", "code_verifier", "redirect_uri"])
async def test_d10_a_parameter_twice(issuer: Issuer, twice: str) -> None:
    code = await Visitor(issuer).code()
    body = f"grant_type=authorization_code&code={code}&code_verifier={VERIFIER}&redirect_uri=x&client_id=app&{twice}=y"
    headers = FORM | {"Authorization": basic("app", SECRETS["app"])}

    assert_refused(await issuer.http.post("/token", content=body, headers=headers), "invalid_request")


async def test_d11_no_grant_type(issuer: Issuer) -> None:
    code = await Visitor(issuer).code()

    assert_refused(await issuer.token("app", code=code, code_verifier=VERIFIER), "invalid_request")


async def test_d14_a_client_without_the_grant(issuer: Issuer) -> None:
    assert_refused(await Visitor(issuer).exchange(a_code(), "machine"), "unauthorized_client")


async def test_d18_of_twenty_exchanges_at_once_one_succeeds(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    code = await visitor.code()

    answers = await asyncio.gather(*(visitor.exchange(code) for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19
    assert {answer.json()["error"] for answer in answers if answer.status_code == 400} == {"invalid_grant"}
    assert len(issuer.rows("refresh_family")) == 1


@pytest.mark.parametrize("code", ["%00", "%ff", "a" * 1_000_000, "", "'%20OR%20'1'='1"])
async def test_d19_odd_bytes(issuer: Issuer, code: str) -> None:
    body = f"grant_type=authorization_code&code_verifier={VERIFIER}&redirect_uri=x&code={code}"
    headers = FORM | {"Authorization": basic("app", SECRETS["app"])}

    answer = await issuer.http.post("/token", content=body, headers=headers)

    assert answer.status_code in (400, 413)
    assert answer.json()["error"] in ("invalid_grant", "invalid_request")


async def test_cve_62_no_prefix_and_no_edit_of_a_code_is_a_code(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    code = await visitor.code()

    for edited in (code[:-1], code[:22], code + "A", code[1:], code[:-1] + ("A" if code[-1] != "A" else "B"), code.swapcase()):
        assert_refused(await visitor.exchange(edited))
    assert (await visitor.exchange(code)).status_code == 200


async def test_d20_a_success_is_not_stored_by_caches(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    response = await visitor.through(await visitor.authorize())
    exchanged = await visitor.exchange(answer_of(response)["code"])

    assert (response.headers["cache-control"], exchanged.headers["cache-control"]) == ("no-store", "no-store")


async def test_d21_codes_cannot_be_guessed(issuer: Issuer) -> None:
    client = await issuer.services.clients.find("app")
    assert client is not None
    session = await Visitor(issuer).sign_in()
    request = AuthorizationRequest("app", "https://app.example/cb")
    approved = Approved(request, client, session.sub, session.sid, frozenset({"notes:read"}))

    codes = await asyncio.gather(*(issuer.services.browser_flow.codes.issue(approved, FACTS) for _ in range(1000)))

    assert len(set(codes)) == 1000
    assert all(code is not None and len(code) == 43 for code in codes)


async def test_d22_neither_log_nor_database_holds_what_was_secret(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    response = await visitor.through(await visitor.authorize())
    code = answer_of(response)["code"]
    tokens = (await visitor.exchange(code)).json()
    secrets = [code, VERIFIER, SECRETS["app"], tokens["access_token"], tokens["refresh_token"], tokens["id_token"]]
    secrets += list(visitor.cookies.values())

    kept = "\n".join([*issuer.log, repr(issuer.dump())])

    assert not [secret for secret in secrets if secret in kept]


@pytest.mark.parametrize("ended", ["disabled", "password", "signed_out", "client"])
async def test_cve_49_whatever_ends_in_between_ends_the_code(issuer: Issuer, ended: str) -> None:
    """Rows 49 and 61 of the history, and C15: disable at every step, and the next step fails."""
    visitor = Visitor(issuer)
    code = await visitor.code()
    sub, services = await issuer.sub(), issuer.services

    if ended == "disabled":
        await services.administration.disable(sub, "test")
    elif ended == "password":
        await services.administration.set_password(sub, "another-Horse-battery-staple-7414")
    elif ended == "signed_out":
        await services.sessions.end_all(sub, "signed_out")
    else:
        await services.clients.disable("app")

    answer = await visitor.exchange(code)

    assert answer.status_code == (401 if ended == "client" else 400)
    assert "access_token" not in answer.text
