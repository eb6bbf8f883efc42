"""Attacks on the authorization code: rows D01 to D22 of the project's checklist (RFC 9700 sections 2.1.1, 4.5, 4.8), and the history's
rows 39, 49, 60, 61, 62, 68, 81, 82, 83, 87 and 90 as far as they concern codes.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from auth_server.protocol.authorization_request import AuthorizationRequest
from auth_server.settings.settings import Settings
from auth_server.tokens.codes import Approved
from tests.support.auth_app import ISSUER, SECRETS, Issuer, basic
from tests.support.builders import FACTS, NOTES
from tests.support.keys import claims_of
from tests.support.visitor import CHALLENGE, VERIFIER, Visitor, a_code, answer_of

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def _assert_refused(answer: httpx2.Response, error: str = "invalid_grant", status: int = 400) -> None:
    assert (answer.status_code, answer.json().get("error")) == (status, error), answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "access_token" not in answer.text


async def _userinfo(issuer: Issuer, token: str) -> httpx2.Response:
    return await issuer.http.get("/userinfo", headers={"Authorization": f"Bearer {token}"})


async def test_d01_a_replayed_code_ends_what_it_became(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    code = await visitor.code()
    first = (await visitor.exchange(code)).json()

    _assert_refused(await visitor.exchange(code))

    _assert_refused(await issuer.refresh(first["refresh_token"], "app"))
    assert (await _userinfo(issuer, first["access_token"])).status_code == 401
    entries = [(row["kind"], row["key"]) for row in issuer.rows("feed_entry")]
    assert entries == [("grant", claims_of(first["access_token"])["grant_id"])]
    assert len(issuer.events("code.replayed")) == 1


async def test_d02_a_stolen_code_is_of_no_use_to_another_client_and_stays_good(issuer: Issuer) -> None:
    """Row 60 of the history as well: the code is not burned by a stranger."""
    visitor = Visitor(issuer)
    code = await visitor.code()

    _assert_refused(await visitor.exchange(code, "other", redirect_uri="https://app.example/cb"))
    _assert_refused(await visitor.exchange(code, "spa", redirect_uri="https://app.example/cb"))

    assert (await visitor.exchange(code)).status_code == 200


async def test_d03_a_code_is_refused_from_the_second_it_expires(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    code = await visitor.code()
    issuer.clock.advance(60)

    _assert_refused(await visitor.exchange(code))


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

    _assert_refused(await visitor.exchange(code, code_verifier=verifier))
    _assert_refused(await visitor.exchange(code))

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

    _assert_refused(await visitor.exchange(await visitor.code("certified", **plain), "certified"))
    without = await visitor.exchange(await visitor.code("certified", **plain), "certified", code_verifier=None)

    assert without.status_code == 200


async def test_a_client_that_may_do_without_pkce_and_used_it_is_held_to_it(issuer: Issuer) -> None:
    visitor = Visitor(issuer)

    _assert_refused(await visitor.exchange(await visitor.code("certified"), "certified", code_verifier=None))


async def test_a_code_without_a_challenge_needs_its_redirect_uri(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    code = await visitor.code("certified", code_challenge=None, code_challenge_method=None)

    _assert_refused(await visitor.exchange(code, "certified", code_verifier=None, redirect_uri=None))


@pytest.mark.parametrize("uri", ["https://app.example/cb2", "https://other.example/cb2", "https://evil.example/cb"])
async def test_d09_another_redirect_uri_spends_the_code(issuer: Issuer, uri: str) -> None:
    visitor = Visitor(issuer)
    code = await visitor.code("other")

    _assert_refused(await visitor.exchange(code, "other", redirect_uri=uri))
    _assert_refused(await visitor.exchange(code, "other"))


@pytest.mark.parametrize("twice", ["code", "grant_type", "client_id", "code_verifier", "redirect_uri"])
async def test_d10_a_parameter_twice(issuer: Issuer, twice: str) -> None:
    code = await Visitor(issuer).code()
    body = f"grant_type=authorization_code&code={code}&code_verifier={VERIFIER}&redirect_uri=x&client_id=app&{twice}=y"
    headers = FORM | {"Authorization": basic("app", SECRETS["app"])}

    _assert_refused(await issuer.http.post("/token", content=body, headers=headers), "invalid_request")


async def test_d11_no_grant_type(issuer: Issuer) -> None:
    code = await Visitor(issuer).code()

    _assert_refused(await issuer.token("app", code=code, code_verifier=VERIFIER), "invalid_request")


async def test_d14_a_client_without_the_grant(issuer: Issuer) -> None:
    _assert_refused(await Visitor(issuer).exchange(a_code(), "machine"), "unauthorized_client")


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
        _assert_refused(await visitor.exchange(edited))
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


async def test_c15_a_session_that_ended_before_the_consent_gives_no_code(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    response = await visitor.authorize()
    asked = await visitor.waiting(response)
    session = await visitor.sign_in(interaction_id=asked.id)
    asked = await visitor.interactions.find(asked.id, visitor.browser)
    await issuer.services.sessions.end(session.sid, "signed_out")
    await visitor.interactions.approve(asked, visitor.browser)

    after = await visitor.send("GET", asked.resume_path)

    assert after.headers["location"].startswith(f"{ISSUER}/login?request=")


async def test_c05_an_approval_gives_one_code(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    asked = await visitor.waiting(await visitor.authorize())
    await visitor.sign_in(interaction_id=asked.id)
    await visitor.interactions.approve(await visitor.interactions.find(asked.id, visitor.browser), visitor.browser)

    answers = await asyncio.gather(*(visitor.send("GET", asked.resume_path) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [303, 400, 400, 400, 400]
    assert len(issuer.rows("authorization_code")) == 1


async def test_cve_75_another_browser_cannot_go_on_with_the_request(issuer: Issuer) -> None:
    """And row 88: what comes after a sign-in is a row of ours, so there is no address to be poisoned."""
    victim, thief = Visitor(issuer), Visitor(issuer)
    asked = await victim.waiting(await victim.authorize())
    await victim.sign_in(interaction_id=asked.id)
    await victim.interactions.approve(await victim.interactions.find(asked.id, victim.browser), victim.browser)
    await thief.sign_in("bob")

    answer = await thief.send("GET", asked.resume_path)

    assert (answer.status_code, "location" in answer.headers) == (400, False)


async def test_cve_51_signing_out_and_in_again_is_another_session(issuer: Issuer) -> None:
    """And row 46: no cookie of before a sign-in is one of after."""
    visitor = Visitor(issuer)
    first = await visitor.sign_in()
    before = visitor.cookies["session"]
    assert await issuer.services.sessions.end(first.sid, "signed_out")

    second = await visitor.sign_in()

    assert second.sid != first.sid
    assert visitor.cookies["session"] != before


async def test_cve_83_two_client_ids_in_one_request(issuer: Issuer) -> None:
    code = await Visitor(issuer).code()

    answer = await Visitor(issuer).exchange(code, "app", client_id="other")

    _assert_refused(answer, "invalid_client", 401)


async def test_cve_87_the_answer_names_its_issuer(issuer: Issuer) -> None:
    """A client of two servers tells by `iss` whose code it holds (RFC 9207)."""
    visitor = Visitor(issuer)

    assert answer_of(await visitor.through(await visitor.authorize()))["iss"] == ISSUER


@pytest.mark.parametrize(
    "table, when", [("refresh_family", "INSERT"), ("authorization_code", "UPDATE"), ("audit_event", "INSERT")]
)
async def test_cve_90_what_could_not_be_stored_is_not_answered(issuer: Issuer, table: str, when: str) -> None:
    visitor = Visitor(issuer)
    code = await visitor.code()

    with issuer.failing(table, when):
        failed = await visitor.exchange(code)
    again = await visitor.exchange(code)

    assert (failed.status_code, "access_token" in failed.text) == (503, False)
    assert again.status_code == 200


async def test_an_exchange_is_one_commit_and_a_fixed_number_of_statements(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    await visitor.tokens()
    codes = [answer_of(await visitor.authorize(prompt="none"))["code"] for _ in range(3)]
    await issuer.services.freshness.poll()
    counts = []
    for code in codes:
        with issuer.counting() as cost:
            await visitor.exchange(code)
        # A look at the directory's version may come in between.
        own = [statement for statement in cost.statements if "directory_version" not in statement]
        counts.append((cost.commits, len(own)))

    assert set(counts) == {(1, 6)}


async def test_the_token_answer_is_for_the_resource_that_was_asked_for(issuer: Issuer) -> None:
    visitor = Visitor(issuer)

    asked = claims_of((await visitor.tokens(resource=NOTES))["access_token"])
    left_open = claims_of((await visitor.tokens())["access_token"])
    signed_in_alone = claims_of((await visitor.tokens(scope="openid"))["access_token"])

    assert (asked["aud"], left_open["aud"], signed_in_alone["aud"]) == (NOTES, [NOTES, ISSUER], ISSUER)


async def test_another_resource_at_the_exchange_is_refused_and_costs_nothing(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    code = await visitor.code(resource=NOTES)

    _assert_refused(await visitor.exchange(code, resource="https://unknown.example"), "invalid_target")
    assert (await visitor.exchange(code, resource=NOTES)).status_code == 200


async def test_offline_access_outlives_the_session_and_names_none(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    bound = await visitor.tokens()
    offline = await visitor.tokens(scope="openid offline_access notes:read")
    sub = await issuer.sub()

    await issuer.services.sessions.end_all(sub, "signed_out")

    assert "sid" in claims_of(bound["access_token"])
    assert "sid" not in claims_of(offline["access_token"])
    _assert_refused(await issuer.refresh(bound["refresh_token"], "app"))
    assert (await issuer.refresh(offline["refresh_token"], "app")).status_code == 200


@pytest.mark.parametrize("ended", ["password", "disabled", "consent"])
async def test_f06_what_ends_every_family_of_a_code(issuer: Issuer, ended: str) -> None:
    visitor = Visitor(issuer)
    tokens = await visitor.tokens(scope="openid offline_access notes:read")
    sub, services = await issuer.sub(), issuer.services

    if ended == "password":
        await services.administration.set_password(sub, "another-Horse-battery-staple-7414")
    elif ended == "disabled":
        await services.administration.disable(sub, "test")
    else:
        await services.consents.withdraw(sub, "app")

    _assert_refused(await issuer.refresh(tokens["refresh_token"], "app"))
    assert (await _userinfo(issuer, tokens["access_token"])).status_code == 401


def test_the_lifetime_of_a_code_is_at_most_a_minute() -> None:
    from auth_server.settings import load
    from shared.settings import SettingsError

    loaded: Settings = load({"AUTH_SERVER_CODE_LIFETIME": "10"})
    assert loaded.code_lifetime == 10
    with pytest.raises(SettingsError):
        load({"AUTH_SERVER_CODE_LIFETIME": "61"})


async def test_an_unknown_code_and_a_foreign_one_are_answered_alike(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    foreign = await visitor.code("other")

    answers: list[Any] = [
        (answer.status_code, answer.json()) for answer in [await visitor.exchange(a_code()), await visitor.exchange(foreign)]
    ]

    assert answers[0] == answers[1]
