"""Attacks with refresh tokens: rows F01 to F13 and H04 to H07 of the project's checklist (RFC 9700 sections 2.2.2 and 4.14, RFC 7009)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import string

import httpx2
import pytest

from auth_server.tokens.local_verifier import NotOurs
from resource_server import Guard, TokenRefused
from shared import base64url
from tests.support.answers import assert_refused
from tests.support.auth_app import ISSUER, Issuer
from tests.support.builders import NOTES
from tests.support.keys import claims_of

G, GL = 30, 120
DAY = 86_400


def _token(answer: httpx2.Response) -> str:
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["refresh_token"]
    return token


async def test_f01_replay_after_rotation_ends_the_newest_too(any_issuer: Issuer) -> None:
    old = await any_issuer.family("spa")
    newest = _token(await any_issuer.refresh(old))
    await any_issuer.advance(G + GL + 1)

    assert_refused(await any_issuer.refresh(old))
    assert_refused(await any_issuer.refresh(newest))


async def test_f02_another_client(issuer: Issuer) -> None:
    """CVE-2026-55672: codes and refresh tokens were not bound to their client."""
    token = await issuer.family("app")

    for client in ("other", "poster", "spa", "first-party"):
        assert_refused(await issuer.refresh(token, client))

    assert _token(await issuer.refresh(token, "app")) == token


@pytest.mark.parametrize("scope", ["notes:read notes:write", "admin", "notes:read admin", "openid", "offline_access notes:write"])
async def test_f03_more_scope(issuer: Issuer, scope: str) -> None:
    token = await issuer.family(scope="notes:read")
    before = issuer.dump()

    assert_refused(await issuer.refresh(token, scope=scope), "invalid_scope")

    assert issuer.dump() == before


@pytest.mark.parametrize("resource", ["https://other.example", NOTES + "//", "relative", NOTES + "#f"])
async def test_f04_another_resource(issuer: Issuer, resource: str) -> None:
    token = await issuer.family()
    before = issuer.dump()

    assert_refused(await issuer.refresh(token, resource=resource), "invalid_target")

    assert issuer.dump() == before
    assert _token(await issuer.refresh(token, resource=NOTES))


@pytest.mark.parametrize("days", [14, 90])
async def test_f05_idle_too_long_or_too_old_in_all(issuer: Issuer, days: int) -> None:
    token = await issuer.family()
    await issuer.advance(days * DAY)

    assert_refused(await issuer.refresh(token))


async def test_f06_after_signing_out(issuer: Issuer) -> None:
    bound, offline = (await issuer.login()).json(), (await issuer.login(scope="notes:read offline_access")).json()
    await issuer.services.sessions.end_all(await issuer.sub(), "signed_out")

    assert_refused(await issuer.refresh(bound["refresh_token"], "first-party"))
    assert _token(await issuer.refresh(offline["refresh_token"], "first-party"))


async def test_f06_after_the_user_was_locked(issuer: Issuer) -> None:
    """CVE-2022-23492: a locked user's refresh token still worked."""
    tokens = [(await issuer.login(scope=scope)).json()["refresh_token"] for scope in ("notes:read", "notes:read offline_access")]
    await issuer.services.administration.disable(await issuer.sub(), "left")

    for token in tokens:
        assert_refused(await issuer.refresh(token, "first-party"))


async def test_f06_after_a_change_of_the_password(issuer: Issuer) -> None:
    token = (await issuer.login(scope="notes:read")).json()["refresh_token"]
    await issuer.services.administration.set_password(await issuer.sub(), "velvet-Harbour-trumpet-quasar-5561")

    assert_refused(await issuer.refresh(token, "first-party"))


async def test_f06_after_a_change_of_the_password_nothing_goes_on_offline(issuer: Issuer) -> None:
    token = (await issuer.login(scope="notes:read offline_access")).json()["refresh_token"]
    await issuer.services.administration.set_password(await issuer.sub(), "velvet-Harbour-trumpet-quasar-5561")

    assert_refused(await issuer.refresh(token, "first-party"))


async def test_f06_what_ended_with_an_account_stays_ended_when_it_is_enabled_again(issuer: Issuer) -> None:
    tokens = [(await issuer.login(scope=scope)).json()["refresh_token"] for scope in ("notes:read", "notes:read offline_access")]
    await issuer.services.administration.disable(await issuer.sub(), "stolen")
    await issuer.services.administration.enable(await issuer.sub())

    for token in tokens:
        assert_refused(await issuer.refresh(token, "first-party"))


@pytest.mark.parametrize("uses", [20])
async def test_f07_a_race(any_issuer: Issuer, uses: int) -> None:
    token = await any_issuer.family()

    answers = await asyncio.gather(*(any_issuer.refresh(token) for _ in range(uses)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({_token(answer) for answer in answers}) == 1


async def test_f08_an_access_token_in_its_place(issuer: Issuer) -> None:
    answer = await issuer.token(grant_type="client_credentials")

    assert_refused(await issuer.refresh(answer.json()["access_token"], "app"))


async def test_f09_a_refresh_token_as_bearer(issuer: Issuer) -> None:
    with contextlib.closing(Guard(issuer=ISSUER, audience=NOTES)) as guard, pytest.raises(TokenRefused) as refused:
        guard.verify(await issuer.family())

    assert refused.value.status == 401
    assert 'error="invalid_token"' in str(refused.value.challenge)


async def test_f10_a_public_clients_token_rotates_at_its_first_use(issuer: Issuer) -> None:
    token = await issuer.family("spa")

    assert _token(await issuer.refresh(token)) != token


async def test_f11_no_authentication(issuer: Issuer) -> None:
    token = await issuer.family("app")

    answer = await issuer.token(None, grant_type="refresh_token", refresh_token=token, client_id="app")

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_f12_made_up_cut_short_or_changed(issuer: Issuer) -> None:
    """CVE-2026-27840: a truncated token was valid."""
    token = await issuer.family()
    others = [c for c in string.ascii_letters + string.digits + "-_" if c != token[-1]]
    made_up = ["x", "rt1_", "rt2_" + token[4:], token[4:], token + "=", "rt1_" + "A" * 92, token.swapcase()]
    before = issuer.dump()

    for text in [
        *made_up,
        *(token[:length] for length in range(1, len(token), 7)),
        token[:-1],
        *(token[:-1] + c for c in others),
    ]:
        assert_refused(await issuer.refresh(text))

    assert issuer.dump() == before


async def test_f13_a_narrower_scope_is_for_one_access_token_alone(issuer: Issuer) -> None:
    """RFC 6749 section 6: what may be asked for is what was granted, whatever was asked last time."""
    first = await issuer.family(scope="notes:read notes:write")

    narrow = await issuer.refresh(first, scope="notes:read")
    await issuer.advance(G + 1)
    full = await issuer.refresh(_token(narrow))
    await issuer.advance(G + 1)
    more = await issuer.refresh(_token(full), scope="notes:read notes:write admin")

    assert narrow.json()["scope"] == "notes:read"
    assert full.json()["scope"] == "notes:read notes:write"
    assert claims_of(full.json()["access_token"])["scope"] == "notes:read notes:write"
    assert_refused(more, "invalid_scope")


# Revocation (RFC 7009)


async def test_h04_revoking_another_clients_token(issuer: Issuer) -> None:
    token = await issuer.family("app")
    before = issuer.dump()

    for client in ("other", "spa", "poster"):
        answer = await issuer.post("/revoke", {"token": token}, client)
        assert (answer.status_code, answer.content) == (200, b"")

    assert issuer.dump() == before
    assert _token(await issuer.refresh(token, "app"))


async def test_h05_revocation_is_no_oracle(issuer: Issuer) -> None:
    token = await issuer.family("app")
    made_up = [await issuer.post("/revoke", {"token": text}) for text in ("x", token[:-1], token + "x", "rt1_" + "A" * 92)]

    real = await issuer.post("/revoke", {"token": token})

    assert {(a.status_code, a.content, a.headers["cache-control"]) for a in (*made_up, real)} == {(200, b"", "no-store")}


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense", ""])
async def test_h06_a_wrong_hint(issuer: Issuer, hint: str) -> None:
    token = await issuer.family("app")

    assert (await issuer.post("/revoke", {"token": token, "token_type_hint": hint})).status_code == 200

    assert_refused(await issuer.refresh(token, "app"))


async def test_h07_revocation_reaches_the_family(any_issuer: Issuer) -> None:
    first = await any_issuer.family("spa")
    second = _token(await any_issuer.refresh(first))
    (started,) = any_issuer.events("family.started")

    assert (await any_issuer.post("/revoke", {"token": first}, "spa")).status_code == 200

    for token in (first, second):
        assert_refused(await any_issuer.refresh(token))
    (entry,) = any_issuer.rows("feed_entry")
    assert (entry["kind"], entry["key"]) == ("grant", started["grant_id"])
    (event,) = any_issuer.events("family.revoked")
    assert event["detail"] == {"reason": "revoked_by_client"}


async def test_revoking_twice_is_revoking_once(issuer: Issuer) -> None:
    token = await issuer.family("app")
    await issuer.post("/revoke", {"token": token})
    before = issuer.dump()

    assert (await issuer.post("/revoke", {"token": token})).status_code == 200

    assert issuer.dump() == before


async def _access_token(issuer: Issuer, client: str = "app") -> str:
    return str((await issuer.token(client, grant_type="client_credentials")).json()["access_token"])


async def test_h04_revoking_another_clients_access_token(issuer: Issuer) -> None:
    token = await _access_token(issuer)
    before = issuer.dump()

    for client in ("other", "spa"):
        answer = await issuer.post("/revoke", {"token": token}, client)
        assert (answer.status_code, answer.content) == (200, b"")

    assert issuer.dump() == before


async def test_h05_revocation_of_access_tokens_is_no_oracle(issuer: Issuer) -> None:
    token = await _access_token(issuer)
    made_up = ["a.b.c", token[:-3], token + "x", f"{token.rpartition('.')[0]}.AAAA", f"..{token}"]

    answers = [await issuer.post("/revoke", {"token": text}) for text in (*made_up, token, token)]

    assert {(a.status_code, a.content, a.headers["cache-control"]) for a in answers} == {(200, b"", "no-store")}
    assert len(issuer.rows("feed_entry")) == 1


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense", ""])
async def test_h06_a_wrong_hint_for_an_access_token(any_issuer: Issuer, hint: str) -> None:
    token = await _access_token(any_issuer)

    assert (await any_issuer.post("/revoke", {"token": token, "token_type_hint": hint})).status_code == 200

    (entry,) = any_issuer.rows("feed_entry")
    payload = json.loads(base64url.decode(token.split(".")[1].encode()))
    assert (entry["kind"], entry["key"]) == ("jti", payload["jti"])
    (event,) = any_issuer.events("token.revoked")
    assert (event["client_id"], event["detail"]["reason"]) == ("app", "revoked_by_client")
    with pytest.raises(NotOurs, match="feed"):
        await any_issuer.services.browser_flow.verifier.access_token(token)


async def test_a_revocation_names_a_token(issuer: Issuer) -> None:
    assert_refused(await issuer.post("/revoke", {}), "invalid_request")
