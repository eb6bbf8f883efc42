"""Attacks on the device grant: incidents 49, 63 and 69 of the project's list, RFC 8628 section 5, RFC 10027."""

from __future__ import annotations

import asyncio

import pytest

from auth_server.clients.service import RegistrationRefused
from auth_server.devices.service import TooManyTries, UnknownUserCode
from auth_server.endpoints.registry import registration_rules
from auth_server.protocol import user_code
from auth_server.web.request_facts import RequestFacts
from tests.support.auth_app import Issuer, running
from tests.support.builders import FACTS, NOTES, a_public_client
from tests.support.databases import Database
from tests.support.keys import claims_of
from tests.support.registered import DEVICE_GRANT


async def _poll(issuer: Issuer, begun: dict[str, object], client: str = "tv", **form: str) -> tuple[int, str]:
    answer = await issuer.token(client, grant_type=DEVICE_GRANT, device_code=str(begun["device_code"]), **form)
    return answer.status_code, answer.json().get("error", "")


async def test_a_device_is_let_in_once_by_the_person_who_typed_its_code(any_issuer: Issuer) -> None:
    issuer = any_issuer
    begun = await issuer.begin_device(scope="notes:read")
    session = await issuer.session()
    devices = issuer.services.other_grants.devices
    assert (begun["verification_uri"], begun["expires_in"], begun["interval"]) == ("http://localhost:8000/device", 600, 5)
    assert begun["verification_uri_complete"] == f"http://localhost:8000/device?user_code={begun['user_code']}"

    assert await _poll(issuer, begun) == (400, "authorization_pending")
    seen = await devices.look_up(begun["user_code"].lower().replace("-", " "), FACTS, session.sid)
    assert (seen.client_id, seen.scope) == ("tv", frozenset({"notes:read"}))
    await devices.approve(begun["user_code"], session, FACTS)
    answer = await issuer.token("tv", grant_type=DEVICE_GRANT, device_code=begun["device_code"])

    claims = claims_of(answer.json()["access_token"])
    assert (claims["sub"], claims["scope"], claims["aud"]) == (session.sub, "notes:read", NOTES)
    assert (claims["sid"], claims["amr"]) == (session.sid, ["pwd"])
    assert answer.headers["cache-control"] == "no-store"
    assert await _poll(issuer, begun) == (400, "invalid_grant")
    assert (await issuer.refresh(answer.json()["refresh_token"], "tv")).status_code == 200
    assert [e["client_id"] for e in issuer.events("device.redeemed")] == ["tv"]


async def test_polls_that_arrive_together_are_answered_with_one_token(any_issuer: Issuer) -> None:
    begun = await any_issuer.begin_device()
    await any_issuer.services.other_grants.devices.approve(begun["user_code"], await any_issuer.session(), FACTS)

    answers = await asyncio.gather(*(_poll(any_issuer, begun) for _ in range(20)))

    assert sorted(answers) == [(200, "")] + [(400, "invalid_grant")] * 19
    assert len(any_issuer.rows("refresh_family")) == 2  # the sign-in's own, and one for the device


async def test_a_code_is_decided_once(any_issuer: Issuer) -> None:
    """Of a person who approves and denies in two tabs, the first decision counts."""
    devices, session = any_issuer.services.other_grants.devices, await any_issuer.session()
    begun = await any_issuer.begin_device()

    outcomes = await asyncio.gather(
        *(act(begun["user_code"], session, FACTS) for act in (devices.deny, devices.approve, devices.approve)),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, UnknownUserCode) for outcome in outcomes) == 2


async def test_a_device_that_was_turned_away_hears_so(issuer: Issuer) -> None:
    begun = await issuer.begin_device()
    await issuer.services.other_grants.devices.deny(begun["user_code"], await issuer.session(), FACTS)

    assert await _poll(issuer, begun) == (400, "access_denied")


async def test_a_device_that_polls_too_fast_is_slowed_for_good(issuer: Issuer) -> None:
    begun = await issuer.begin_device()
    assert await _poll(issuer, begun) == (400, "authorization_pending")
    issuer.clock.advance(4.9)
    assert await _poll(issuer, begun) == (400, "slow_down")
    issuer.clock.advance(9.9)
    assert await _poll(issuer, begun) == (400, "slow_down")
    issuer.clock.advance(15)
    assert await _poll(issuer, begun) == (400, "authorization_pending")


async def test_a_code_ends_after_ten_minutes_approved_or_not(issuer: Issuer) -> None:
    devices, session = issuer.services.other_grants.devices, await issuer.session()
    waiting, approved = await issuer.begin_device(), await issuer.begin_device()
    await devices.approve(approved["user_code"], session, FACTS)

    await issuer.advance(600)

    assert await _poll(issuer, waiting) == (400, "expired_token")
    assert await _poll(issuer, approved) == (400, "expired_token")
    with pytest.raises(UnknownUserCode):
        await devices.approve(waiting["user_code"], session, FACTS)


async def test_another_client_cannot_redeem_a_code_and_does_not_use_it_up(issuer: Issuer) -> None:
    await issuer.services.clients.register(a_public_client("radio", grants=frozenset({DEVICE_GRANT})), registration_rules())
    begun = await issuer.begin_device()
    await issuer.services.other_grants.devices.approve(begun["user_code"], await issuer.session(), FACTS)

    assert await _poll(issuer, begun, "radio") == (400, "invalid_grant")
    assert await _poll(issuer, {"device_code": "made-up"}) == (400, "invalid_grant")
    assert (await _poll(issuer, begun))[0] == 200


@pytest.mark.parametrize(
    "row", ["69: a client without the grant", "69: scopes that were not registered", "69: a foreign resource"]
)
async def test_cve_69_the_device_endpoint_keeps_the_client_s_policy(issuer: Issuer, row: str) -> None:
    client, form, error = {
        "69: a client without the grant": ("spa", {}, "unauthorized_client"),
        "69: scopes that were not registered": ("tv", {"scope": "notes:admin"}, "invalid_scope"),
        "69: a foreign resource": ("tv", {"resource": "https://unknown.example"}, "invalid_target"),
    }[row]

    answer = await issuer.post("/device_authorization", form, client)

    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert issuer.rows("device_code") == []


async def test_cve_69_the_person_s_permissions_are_asked_at_redemption(issuer: Issuer) -> None:
    """bob may read and not write; what the device asked for is cut to that."""
    begun = await issuer.begin_device(scope="notes:read notes:write")
    await issuer.services.other_grants.devices.approve(begun["user_code"], await issuer.session("bob"), FACTS)

    answer = await issuer.token("tv", grant_type=DEVICE_GRANT, device_code=begun["device_code"])

    assert answer.json()["scope"] == "notes:read"


@pytest.mark.parametrize("what", ["the account", "the session", "the client"])
async def test_cve_49_what_was_disabled_after_the_approval_gets_no_token(issuer: Issuer, what: str) -> None:
    begun, session = await issuer.begin_device(), await issuer.session()
    await issuer.services.other_grants.devices.approve(begun["user_code"], session, FACTS)
    if what == "the account":
        await issuer.services.administration.disable(session.sub, "test")
    elif what == "the session":
        await issuer.services.sessions.end(session.sid, "signed_out")
    else:
        await issuer.services.clients.disable("tv")

    assert await _poll(issuer, begun) == ((401, "invalid_client") if what == "the client" else (400, "invalid_grant"))


async def test_cve_63_five_wrong_codes_from_one_address_and_in_one_session(any_issuer: Issuer) -> None:
    devices, alice, bob = any_issuer.services.other_grants.devices, await any_issuer.session(), await any_issuer.session("bob")
    begun = await any_issuer.begin_device()
    elsewhere = RequestFacts("198.51.100.9", "another-request")

    async def tried(code: str, facts: RequestFacts, sid: str) -> str:
        try:
            await devices.look_up(code, facts, sid)
        except (UnknownUserCode, TooManyTries) as refusal:
            return type(refusal).__name__
        return "found"

    assert [await tried("BCDF-BCDF", FACTS, alice.sid) for _ in range(6)] == ["UnknownUserCode"] * 5 + ["TooManyTries"]
    # Also with the right code, also what is no code at all; the address for every session, the session at every address.
    assert await tried(begun["user_code"], FACTS, alice.sid) == "TooManyTries"
    assert await tried("nonsense", FACTS, bob.sid) == "TooManyTries"
    assert await tried(begun["user_code"], elsewhere, alice.sid) == "TooManyTries"
    assert await tried(begun["user_code"], elsewhere, bob.sid) == "found"
    any_issuer.clock.advance(120)
    assert await tried(begun["user_code"], FACTS, alice.sid) == "found"


async def test_cve_63_parallel_wrong_codes_do_not_outrun_the_counter(any_issuer: Issuer) -> None:
    devices, session = any_issuer.services.other_grants.devices, await any_issuer.session()

    outcomes = await asyncio.gather(*(devices.approve("BCDF-BCDF", session, FACTS) for _ in range(30)), return_exceptions=True)

    assert sum(isinstance(outcome, UnknownUserCode) for outcome in outcomes) == 5


async def test_the_right_code_is_no_try(issuer: Issuer) -> None:
    devices, session = issuer.services.other_grants.devices, await issuer.session()
    begun = await issuer.begin_device()

    for _ in range(20):
        await devices.look_up(begun["user_code"], FACTS, session.sid)


async def test_the_chance_of_a_hit_in_the_life_of_a_code_is_below_2_to_the_minus_20() -> None:
    """With a thousand devices waiting at once, for whoever uses every try that one address and one session have."""
    tries = 5 + 600 / 120

    assert tries * 1_000 / len(user_code.ALPHABET) ** user_code.LENGTH < 2**-20


async def test_an_address_cannot_fill_the_table_with_devices(issuer: Issuer) -> None:
    answers = [await issuer.post("/device_authorization", {}, "tv") for _ in range(31)]

    assert [a.status_code for a in answers] == [200] * 30 + [429]
    assert answers[-1].json()["error"] == "slow_down"
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert (await issuer.client_at("198.51.100.9").post("/device_authorization", data={"client_id": "tv"})).status_code == 200


async def test_codes_are_stored_by_their_digests_alone_and_never_logged(issuer: Issuer) -> None:
    begun = await issuer.begin_device()
    await issuer.services.other_grants.devices.approve(begun["user_code"], await issuer.session(), FACTS)
    await _poll(issuer, begun)

    everything = f"{issuer.dump()}{issuer.log}"
    for secret in (begun["device_code"], begun["user_code"], begun["user_code"].replace("-", "")):
        assert secret not in everything


async def test_a_device_code_outlives_a_restart(issuer_database: Database, tmp_path: object) -> None:
    async with running(issuer_database, tmp_path) as first:
        begun = await first.begin_device()
        await first.services.other_grants.devices.approve(begun["user_code"], await first.session(), FACTS)
    async with running(Database(issuer_database.url, issuer_database.clock), tmp_path) as second:
        assert (await _poll(second, begun))[0] == 200


async def test_over_codes_are_purged(issuer: Issuer) -> None:
    await issuer.begin_device()
    issuer.clock.advance(1_201)

    assert await issuer.store.run(lambda tx: tx.device_codes.forget()) == 1


async def test_a_device_may_ask_who_its_person_is(issuer: Issuer) -> None:
    scope = frozenset({"openid", "notes:read"})
    client = a_public_client("console", grants=frozenset({DEVICE_GRANT}), scope=scope)
    await issuer.services.clients.register(client, registration_rules())
    session = await issuer.session()

    async def redeemed(asked: str) -> dict[str, object]:
        begun = await issuer.begin_device("console", scope=asked)
        await issuer.services.other_grants.devices.approve(begun["user_code"], session, FACTS)
        answer = await issuer.token("console", grant_type=DEVICE_GRANT, device_code=begun["device_code"])
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    alone, both = await redeemed("openid"), await redeemed("openid notes:read profile")

    identity = claims_of(str(alone["id_token"]))
    assert (identity["sub"], identity["aud"], identity["sid"]) == (session.sub, "console", session.sid)
    assert claims_of(str(alone["access_token"]))["aud"] == issuer.services.settings.issuer
    assert (alone["scope"], both["scope"]) == ("openid", "notes:read openid")
    assert set(claims_of(str(both["access_token"]))["aud"]) == {NOTES, issuer.services.settings.issuer}
    assert "refresh_token" not in alone  # it is not registered for refreshing


async def test_a_client_with_pairwise_subjects_has_no_device_grant(issuer: Issuer) -> None:
    client = a_public_client("paired-tv", grants=frozenset({DEVICE_GRANT}), subject_type="pairwise")
    with pytest.raises(RegistrationRefused):
        await issuer.services.clients.register(client, registration_rules())
