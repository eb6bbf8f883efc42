"""The feed's door: pages by cursor, signed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from auth_server.endpoints import revocation_feed
from auth_server.endpoints.registry import registration_rules
from auth_server.protocol.secret import Secret
from shared.revocation import MAX_PAGE_ENTRIES
from tests.support.auth_app import ISSUER, Issuer, basic, running
from tests.support.builders import a_client
from tests.support.databases import Database
from tests.support.feed_reader import opened, page_of, revoke, until, watch_of
from tests.support.registered import SECRETS

_API_SECRET = "canary-secret-of-an-api-6a5b4c3d2e1f0a9b8c"


async def test_a_reader_without_a_cursor_gets_a_snapshot(any_issuer: Issuer) -> None:
    await revoke(any_issuer, "g1", "g2")

    answer = await any_issuer.http.get("/revocation-feed")

    header, page = opened(answer.text)
    assert header["typ"] == "revocation-feed+jwt"
    assert answer.headers["content-type"] == "application/revocation-feed+jwt"
    assert answer.headers["cache-control"] == "no-store"
    now = any_issuer.clock.now()
    assert page == {
        "iss": ISSUER,
        "iat": now,
        "from": 1,
        "to": 2,
        "key_epoch": any_issuer.services.keyring.published().epoch,
        "snapshot": True,
        "entries": [{"n": n, "t": now, "kind": "grant", "key": f"g{n}", "until": now + 600 + 60 + 60} for n in (1, 2)],
    }


async def test_a_reader_with_a_cursor_gets_what_came_after_it(any_issuer: Issuer) -> None:
    await revoke(any_issuer, "g1", "g2", "g3")

    page = await page_of(any_issuer, "?after=1")

    assert (page["from"], page["to"], [entry["n"] for entry in page["entries"]]) == (2, 3, [2, 3])
    assert "snapshot" not in page


async def test_a_reader_who_knows_everything_gets_an_empty_page(issuer: Issuer) -> None:
    await revoke(issuer, "g1")

    page = await page_of(issuer, "?after=1")

    assert (page["from"], page["to"], page["entries"]) == (2, 1, [])


async def test_a_cursor_of_another_history_begins_anew(issuer: Issuer) -> None:
    """A restored database counts from an earlier number."""
    await revoke(issuer, "g1")

    page = await page_of(issuer, "?after=77&wait=10")

    assert page["snapshot"] is True
    assert (page["to"], [entry["key"] for entry in page["entries"]]) == (1, ["g1"])


async def test_a_cursor_behind_what_was_forgotten_begins_anew(issuer: Issuer) -> None:
    await revoke(issuer, "g1", "g2")
    issuer.clock.advance(800)
    await issuer.store.run(lambda tx: tx.revocations.forget(tx.clock.now()))
    await issuer.advance(0)
    await revoke(issuer, "g3")

    behind, level = await page_of(issuer, "?after=1"), await page_of(issuer, "?after=2")

    assert behind["snapshot"] is True
    assert "snapshot" not in level
    assert [entry["key"] for entry in behind["entries"]] == ["g3"]


async def test_an_entry_whose_tokens_expired_is_not_told(issuer: Issuer) -> None:
    await revoke(issuer, "g1")
    await issuer.advance(721)
    await revoke(issuer, "g2")

    assert [entry["key"] for entry in (await page_of(issuer))["entries"]] == ["g2"]


async def test_a_page_is_bounded_and_the_next_one_carries_on(issuer: Issuer) -> None:
    await revoke(issuer, *(f"g{n}" for n in range(MAX_PAGE_ENTRIES + 5)))

    first = await page_of(issuer)
    second = await page_of(issuer, f"?after={first['to']}")

    assert (first["more"], first["to"], len(first["entries"])) == (True, MAX_PAGE_ENTRIES, MAX_PAGE_ENTRIES)
    assert "more" not in second
    assert (second["from"], second["to"], len(second["entries"])) == (MAX_PAGE_ENTRIES + 1, MAX_PAGE_ENTRIES + 5, 5)


async def test_a_page_is_bounded_in_bytes_whatever_the_keys_are(issuer: Issuer) -> None:
    await revoke(issuer, *(f"{n}" + "x" * 2_000 for n in range(400)))

    answer = await issuer.http.get("/revocation-feed")

    assert len(answer.content) < 512 * 1024
    assert opened(answer.text)[1]["more"] is True


async def test_a_page_that_names_a_burned_key_is_signed_with_another(issuer: Issuer) -> None:
    """This replica still has the burned key in its view when somebody else burns it."""
    active = next(row["kid"] for row in issuer.rows("signing_key") if row["state"] == "active")
    await issuer.services.burning.burn(active, reason="stolen")

    header, page = opened((await issuer.http.get("/revocation-feed?after=0")).text)

    assert [(entry["kind"], entry["key"]) for entry in page["entries"]] == [("kid", active)]
    assert header["kid"] != active


async def test_an_unchanged_page_is_not_sent_again(issuer: Issuer) -> None:
    first = await issuer.http.get("/revocation-feed?after=0")
    again = await issuer.http.get("/revocation-feed?after=0", headers={"If-None-Match": first.headers["etag"]})
    await revoke(issuer, "g1")
    changed = await issuer.http.get("/revocation-feed?after=0&wait=10", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert changed.status_code == 200


@pytest.mark.parametrize(
    "query", ["after=-1", "after=1e3", "after=1&after=2", "wait=ten", "alg=none", "alg=HS256", "after=" + "9" * 16]
)
async def test_a_malformed_question_is_refused(issuer: Issuer, query: str) -> None:
    answer = await issuer.http.get(f"/revocation-feed?{query}")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_strangers_cannot_make_the_server_sign_without_bound(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocation_feed, "_PER_SECOND", 0.0)
    await revoke(issuer, *(f"g{n}" for n in range(150)))

    statuses = [(await issuer.http.get(f"/revocation-feed?after={n}")).status_code for n in range(120)]

    assert (statuses.count(200), statuses.count(503)) == (100, 20)
    waiting = asyncio.create_task(page_of(issuer, "?after=150&wait=10"))
    await until(lambda: watch_of(issuer).waiting == 1)
    await revoke(issuer, "news")
    assert (await waiting)["to"] == 151


async def test_the_metadata_name_the_feed(issuer: Issuer) -> None:
    document = (await issuer.http.get("/.well-known/openid-configuration")).json()

    assert document["revocation_feed_endpoint"] == f"{ISSUER}/revocation-feed"
    assert document["revocation_feed_signing_alg_values_supported"] == ["RS256"]


async def test_a_feed_may_be_for_registered_resources_alone(issuer_database: Database, tmp_path: Path) -> None:
    async with running(issuer_database, tmp_path, {"REVOCATION_FEED_ACCESS": "resources"}) as issuer:
        api = a_client("api", introspects=frozenset({"https://notes.example"}))
        await issuer.services.clients.register(api, registration_rules(), Secret(_API_SECRET))
        headers = [{}, *({"Authorization": basic(name, secret)} for name, secret in (("app", "wrong"), ("app", SECRETS["app"])))]
        refused = [await issuer.http.get("/revocation-feed?after=0&wait=10", headers=each) for each in headers]
        admitted = await issuer.http.get("/revocation-feed", headers={"Authorization": basic("api", _API_SECRET)})

    assert [answer.status_code for answer in refused] == [401, 401, 400]
    assert [answer.json()["error"] for answer in refused] == ["invalid_client", "invalid_client", "unauthorized_client"]
    assert admitted.status_code == 200
