"""Status lists at their door: what a token names, what is answered there, and that nothing is different without them."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from auth_server.endpoints import status_lists
from auth_server.endpoints.status_lists import StatusListEndpoint
from auth_server.revocation.feed import Feed
from auth_server.store.status_lists import LIST_INDEXES
from shared.key_policy import KeyPolicy
from shared.status_list import decode, is_set
from tests.support.auth_app import ISSUER, Issuer, running
from tests.support.databases import Database
from tests.support.keys import claims_of

FEED = Feed(KeyPolicy())


@pytest.fixture
async def listing(issuer_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Issuer]:
    """An issuer with status lists, which looks again at each question."""
    monkeypatch.setattr(status_lists, "REUSED_SECONDS", 0.0)
    async with running(issuer_database, tmp_path, {"STATUS_LIST": "true", "STATUS_LIST_TTL": "20"}) as issuer:
        yield issuer


def _place(token: str) -> tuple[str, int]:
    place = claims_of(token)["status"]["status_list"]
    assert set(place) == {"idx", "uri"}
    return urlsplit(place["uri"]).path, place["idx"]


def _opened(body: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, payload = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in body.split(".")[:2])
    return header, payload


def _door(issuer: Issuer) -> StatusListEndpoint:
    doors = [getattr(route, "endpoint", None) for route in issuer.app._app.routes]
    return next(door for door in doors if isinstance(door, StatusListEndpoint))


async def _is_revoked(issuer: Issuer, token: str) -> bool:
    path, index = _place(token)
    answer = await issuer.http.get(path)
    assert answer.status_code == 200, answer.text
    return is_set(decode(_opened(answer.text)[1]["status_list"]["lst"]), index)


async def _machine(issuer: Issuer) -> str:
    return str((await issuer.token("machine", grant_type="client_credentials")).json()["access_token"])


async def test_a_list_is_a_signed_token_that_says_what_the_draft_wants(listing: Issuer) -> None:
    path, _ = _place(await _machine(listing))

    answer = await listing.http.get(path, headers={"accept": "application/statuslist+jwt"})

    header, claims = _opened(answer.text)
    now = listing.clock.now()
    assert header["typ"] == "statuslist+jwt"
    assert header["kid"] in listing.services.keyring.jwks()[0].decode()
    lst = claims.pop("status_list")
    assert claims == {"iss": ISSUER, "sub": ISSUER + path, "iat": now, "exp": now + 661, "ttl": 20}
    assert (set(lst), lst["bits"], len(decode(lst["lst"])) * 8) == ({"bits", "lst"}, 1, LIST_INDEXES)
    assert answer.headers["content-type"] == "application/statuslist+jwt"
    assert answer.headers["cache-control"] == "public, max-age=20"
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_every_grant_gives_its_token_a_place_of_its_own(listing: Issuer) -> None:
    login = (await listing.login()).json()
    refreshed = (await listing.refresh(login["refresh_token"], "first-party")).json()["access_token"]
    again = (await listing.refresh(login["refresh_token"], "first-party")).json()["access_token"]
    tokens = [login["access_token"], refreshed, again, await _machine(listing), await _machine(listing)]

    assert len({_place(token) for token in tokens}) == 5
    rows = {(row["jti"], row["idx"]) for row in listing.rows("status_token")}
    assert rows == {(claims_of(token)["jti"], _place(token)[1]) for token in tokens}


async def test_a_revoked_token_has_its_bit_and_a_bystander_has_not(listing: Issuer) -> None:
    token, bystander = await _machine(listing), await _machine(listing)
    assert not await _is_revoked(listing, token)

    await listing.post("/revoke", {"token": token}, "machine")

    assert await _is_revoked(listing, token)
    assert not await _is_revoked(listing, bystander)


async def test_a_disabled_persons_tokens_have_their_bits(listing: Issuer) -> None:
    alice, bob = [(await listing.login(name)).json()["access_token"] for name in ("alice", "bob")]

    await listing.services.administration.disable(await listing.sub("alice"), reason="left")

    assert await _is_revoked(listing, alice)
    assert not await _is_revoked(listing, bob)


async def test_who_has_the_list_is_told_so_until_it_changes(listing: Issuer) -> None:
    token = await _machine(listing)
    path, _ = _place(token)
    etag = (await listing.http.get(path)).headers["etag"]

    same = await listing.http.get(path, headers={"if-none-match": f'"other", W/{etag}'})
    await listing.post("/revoke", {"token": token}, "machine")
    changed = await listing.http.get(path, headers={"if-none-match": etag})

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    assert changed.status_code == 200


async def test_a_list_is_made_once_for_everybody_in_the_same_few_seconds(
    listing: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = _door(listing)
    monkeypatch.setattr(status_lists, "REUSED_SECONDS", 5.0)
    now = [100.0]
    monkeypatch.setattr(door, "_monotonic", lambda: now[0])
    token = await _machine(listing)
    path, _ = _place(token)
    first = await listing.http.get(path)
    await listing.post("/revoke", {"token": token}, "machine")

    with listing.counting() as cost:
        now[0] += 4.9
        kept = await listing.http.get(path)
    assert (kept.content, cost.statements) == (first.content, [])

    now[0] += 0.2
    assert await _is_revoked(listing, token)


async def test_an_unchanged_list_is_signed_anew_when_others_may_have_let_go_of_it(
    listing: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = _door(listing)
    now = [100.0]
    monkeypatch.setattr(door, "_monotonic", lambda: now[0])
    path, _ = _place(await _machine(listing))
    first = await listing.http.get(path)

    listing.clock.advance(19)
    now[0] += 19
    kept = await listing.http.get(path)
    listing.clock.advance(1)
    now[0] += 1
    anew = await listing.http.get(path)

    assert kept.content == first.content
    assert _opened(anew.text)[1]["iat"] == _opened(first.text)[1]["iat"] + 20


@pytest.mark.parametrize("name", ["x", "a" * 22, "a" * 23, "..%2f..%2ftoken", "%00" * 22])
async def test_a_list_that_is_none_is_not_found(listing: Issuer, name: str) -> None:
    answer = await listing.http.get(f"/status-lists/{name}")

    assert answer.status_code == 404


async def test_without_them_tokens_and_paths_are_as_ever(issuer: Issuer) -> None:
    token = await _machine(issuer)

    assert "status" not in claims_of(token)
    assert issuer.rows("status_token") == issuer.rows("status_list") == []
    assert (await issuer.http.get("/status-lists/" + "a" * 22)).status_code == 404


async def test_with_them_a_warm_client_credentials_request_costs_a_look_and_a_row(listing: Issuer) -> None:
    await _machine(listing)
    await listing.services.freshness.poll()

    with listing.counting() as cost:
        await _machine(listing)

    assert [statement.split(None, 1)[0] for statement in cost.statements] == ["SELECT", "INSERT"]
    assert cost.commits == 1


async def test_no_token_is_answered_whose_row_could_not_be_written(listing: Issuer) -> None:
    await _machine(listing)

    with listing.failing("status_token", "INSERT"):
        answer = await listing.token("machine", grant_type="client_credentials")

    assert answer.status_code == 503
    assert "access_token" not in answer.text


@pytest.mark.parametrize("grant", ["client_credentials", "refresh_token"])
async def test_a_list_that_a_restore_took_away_gets_no_more_tokens(listing: Issuer, grant: str) -> None:
    """The process goes on with a block of it; nobody could look its tokens up for as long as that lasted."""
    login = (await listing.login()).json()
    lost = _place(login["access_token"])[0]
    for table in ("status_list", "status_token"):
        listing.database.execute(f"DELETE FROM {table}")

    if grant == "refresh_token":
        answer = await listing.refresh(login["refresh_token"], "first-party")
    else:
        answer = await listing.token("machine", grant_type=grant)

    assert answer.status_code == 200
    token = answer.json()["access_token"]
    assert _place(token)[0] != lost
    assert not await _is_revoked(listing, token)
    assert (await listing.http.get(lost)).status_code == 404
