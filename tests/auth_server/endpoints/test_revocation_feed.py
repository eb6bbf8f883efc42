"""The feed's door: pages by cursor, signed, and readers that wait for news."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from auth_server.endpoints import revocation_feed
from auth_server.endpoints.registry import registration_rules
from auth_server.protocol.secret import Secret
from auth_server.revocation.feed import Feed
from auth_server.store.transaction import Transaction
from shared.key_policy import KeyPolicy
from shared.revocation import MAX_PAGE_ENTRIES
from tests.support.auth_app import ISSUER, SECRETS, Issuer, basic, running
from tests.support.builders import a_client
from tests.support.databases import Database

FEED = Feed(KeyPolicy())
_API_SECRET = "canary-secret-of-an-api-6a5b4c3d2e1f0a9b8c"


def _opened(body: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, payload = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in body.split(".")[:2])
    return header, payload


async def _page(issuer: Issuer, query: str = "") -> dict[str, Any]:
    answer = await issuer.http.get(f"/revocation-feed{query}")
    assert answer.status_code == 200, answer.text
    return _opened(answer.text)[1]


async def _revoke(issuer: Issuer, *grants: str) -> None:
    def work(tx: Transaction) -> None:
        for grant in grants:
            FEED.revoke_grant(tx, grant)

    await issuer.store.run(work)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


def _watch(issuer: Issuer) -> Any:
    return next(door for door in issuer.app._fixed.values() if isinstance(door, revocation_feed.RevocationFeedEndpoint))._watch


async def test_a_reader_without_a_cursor_gets_a_snapshot(any_issuer: Issuer) -> None:
    await _revoke(any_issuer, "g1", "g2")

    answer = await any_issuer.http.get("/revocation-feed")

    header, page = _opened(answer.text)
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
    await _revoke(any_issuer, "g1", "g2", "g3")

    page = await _page(any_issuer, "?after=1")

    assert (page["from"], page["to"], [entry["n"] for entry in page["entries"]]) == (2, 3, [2, 3])
    assert "snapshot" not in page


async def test_a_reader_who_knows_everything_gets_an_empty_page(issuer: Issuer) -> None:
    await _revoke(issuer, "g1")

    page = await _page(issuer, "?after=1")

    assert (page["from"], page["to"], page["entries"]) == (2, 1, [])


async def test_a_cursor_of_another_history_begins_anew(issuer: Issuer) -> None:
    """A restored database counts from an earlier number."""
    await _revoke(issuer, "g1")

    page = await _page(issuer, "?after=77&wait=10")

    assert page["snapshot"] is True
    assert (page["to"], [entry["key"] for entry in page["entries"]]) == (1, ["g1"])


async def test_a_cursor_behind_what_was_forgotten_begins_anew(issuer: Issuer) -> None:
    await _revoke(issuer, "g1", "g2")
    issuer.clock.advance(800)
    await issuer.store.run(lambda tx: tx.revocations.forget(tx.clock.now()))
    await issuer.advance(0)
    await _revoke(issuer, "g3")

    behind, level = await _page(issuer, "?after=1"), await _page(issuer, "?after=2")

    assert behind["snapshot"] is True
    assert "snapshot" not in level
    assert [entry["key"] for entry in behind["entries"]] == ["g3"]


async def test_an_entry_whose_tokens_expired_is_not_told(issuer: Issuer) -> None:
    await _revoke(issuer, "g1")
    await issuer.advance(721)
    await _revoke(issuer, "g2")

    assert [entry["key"] for entry in (await _page(issuer))["entries"]] == ["g2"]


async def test_a_page_is_bounded_and_the_next_one_carries_on(issuer: Issuer) -> None:
    await _revoke(issuer, *(f"g{n}" for n in range(MAX_PAGE_ENTRIES + 5)))

    first = await _page(issuer)
    second = await _page(issuer, f"?after={first['to']}")

    assert (first["more"], first["to"], len(first["entries"])) == (True, MAX_PAGE_ENTRIES, MAX_PAGE_ENTRIES)
    assert "more" not in second
    assert (second["from"], second["to"], len(second["entries"])) == (MAX_PAGE_ENTRIES + 1, MAX_PAGE_ENTRIES + 5, 5)


async def test_a_page_is_bounded_in_bytes_whatever_the_keys_are(issuer: Issuer) -> None:
    await _revoke(issuer, *(f"{n}" + "x" * 2_000 for n in range(400)))

    answer = await issuer.http.get("/revocation-feed")

    assert len(answer.content) < 512 * 1024
    assert _opened(answer.text)[1]["more"] is True


async def test_who_waits_is_told_at_once_of_a_commit_of_this_process(any_issuer: Issuer) -> None:
    waiting = asyncio.create_task(_page(any_issuer, "?after=0&wait=10"))
    await _until(lambda: _watch(any_issuer).waiting == 1)

    await _revoke(any_issuer, "g1")

    async with asyncio.timeout(8):
        assert [entry["key"] for entry in (await waiting)["entries"]] == ["g1"]


async def test_who_waits_is_told_of_another_replicas_commit(any_issuer: Issuer) -> None:
    other = any_issuer.database.store()
    waiting = asyncio.create_task(_page(any_issuer, "?after=0&wait=10"))
    await _until(lambda: _watch(any_issuer).waiting == 1)

    await other.run(lambda tx: FEED.revoke_grant(tx, "g1"))

    async with asyncio.timeout(8):
        assert [entry["key"] for entry in (await waiting)["entries"]] == ["g1"]


async def test_who_waits_is_told_when_the_keys_change(issuer: Issuer) -> None:
    before = issuer.services.keyring.published().epoch
    waiting = asyncio.create_task(_page(issuer, f"?after=0&wait=10&key_epoch={before}"))
    await _until(lambda: _watch(issuer).waiting == 1)

    await issuer.services.burning.burn(issuer.rows("signing_key")[0]["kid"], reason="test")

    async with asyncio.timeout(8):
        assert (await waiting)["key_epoch"] > before


async def test_a_page_that_names_a_burned_key_is_signed_with_another(issuer: Issuer) -> None:
    """This replica still has the burned key in its view when somebody else burns it."""
    active = next(row["kid"] for row in issuer.rows("signing_key") if row["state"] == "active")
    await issuer.services.burning.burn(active, reason="stolen")

    header, page = _opened((await issuer.http.get("/revocation-feed?after=0")).text)

    assert [(entry["kind"], entry["key"]) for entry in page["entries"]] == [("kid", active)]
    assert header["kid"] != active


async def test_the_wait_ends_without_news(issuer: Issuer) -> None:
    async with asyncio.timeout(8):
        page = await _page(issuer, "?after=0&wait=1")

    assert page["entries"] == []


async def test_one_answer_is_signed_once_for_everybody_who_waits(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = 0
    sign = issuer.services.keyring.sign

    async def counting(*arguments: Any) -> str:
        nonlocal signed
        signed += 1
        return await sign(*arguments)

    monkeypatch.setattr(issuer.services.keyring, "sign", counting)
    waiting = [asyncio.create_task(_page(issuer, "?after=0&wait=10")) for _ in range(50)]
    await _until(lambda: _watch(issuer).waiting == 50)
    with issuer.counting() as cost:
        await _revoke(issuer, "g1")
        pages = await asyncio.gather(*waiting)

    assert signed == 1
    assert all(page["to"] == 1 for page in pages)
    read = [statement for statement in cost.statements if "FROM feed_entry" in statement]
    assert len(read) <= 4


async def test_whoever_comes_when_the_room_is_full_is_answered_without_waiting(issuer_database: Database, tmp_path: Path) -> None:
    async with running(issuer_database, tmp_path, {"REVOCATION_FEED_WAITERS": "1"}) as issuer:
        waiting = asyncio.create_task(_page(issuer, "?after=0&wait=10"))
        await _until(lambda: _watch(issuer).waiting == 1)
        async with asyncio.timeout(8):
            page = await _page(issuer, "?after=0&wait=10")
            token = await issuer.token("machine", grant_type="client_credentials")
        await _revoke(issuer, "g1")
        told = await waiting

    assert (page["entries"], token.status_code, told["to"]) == ([], 200, 1)


async def test_a_stopping_server_lets_its_readers_go(issuer: Issuer) -> None:
    waiting = asyncio.create_task(_page(issuer, "?after=0&wait=10"))
    await _until(lambda: _watch(issuer).waiting == 1)

    issuer.services.health.draining = True

    async with asyncio.timeout(8):
        assert (await waiting)["entries"] == []


async def test_a_reader_who_left_takes_up_no_room(issuer: Issuer) -> None:
    gone = asyncio.Event()
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/revocation-feed",
        "query_string": b"after=0&wait=10",
        "headers": [],
        "client": ("192.0.2.9", 1),
    }
    serving = asyncio.create_task(_serve(issuer.app, scope, receive, send))
    await _until(lambda: _watch(issuer).waiting == 1)

    gone.set()

    async with asyncio.timeout(8):
        await serving
    assert _watch(issuer).waiting == 0


async def _serve(app: Callable[..., Awaitable[None]], *arguments: Any) -> None:
    await app(*arguments)


async def test_an_unchanged_page_is_not_sent_again(issuer: Issuer) -> None:
    first = await issuer.http.get("/revocation-feed?after=0")
    again = await issuer.http.get("/revocation-feed?after=0", headers={"If-None-Match": first.headers["etag"]})
    await _revoke(issuer, "g1")
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
    await _revoke(issuer, *(f"g{n}" for n in range(150)))

    statuses = [(await issuer.http.get(f"/revocation-feed?after={n}")).status_code for n in range(120)]

    assert (statuses.count(200), statuses.count(503)) == (100, 20)
    waiting = asyncio.create_task(_page(issuer, "?after=150&wait=10"))
    await _until(lambda: _watch(issuer).waiting == 1)
    await _revoke(issuer, "news")
    assert (await waiting)["to"] == 151


async def test_the_metadata_name_the_feed(issuer: Issuer) -> None:
    document = (await issuer.http.get("/.well-known/openid-configuration")).json()

    assert document["revocation_feed_endpoint"] == f"{ISSUER}/revocation-feed"
    assert document["revocation_feed_signing_alg_values_supported"] == ["RS256"]


def _parallel(tx: Transaction, writer: int) -> None:
    FEED.revoke_grant(tx, f"w{writer}")


async def test_a_reader_misses_nothing_while_several_replicas_write(any_issuer: Issuer) -> None:
    """With a plain sequence a lower number may commit later than a higher one, and a reader would skip it for ever."""
    writers = [any_issuer.database.store() for _ in range(4)]
    done = asyncio.Event()
    seen: list[int] = []

    async def read() -> None:
        after = 0
        while True:
            over = done.is_set()
            page = await any_issuer.store.read(lambda tx: tx.revocations.since(after, 1000))  # noqa: B023
            seen.extend(entry.number for entry in page)
            after = seen[-1] if seen else 0
            if over:
                return
            await asyncio.sleep(0)

    reading = asyncio.create_task(read())
    await asyncio.gather(*(store.run(lambda tx, w=w: _parallel(tx, w)) for _ in range(30) for w, store in enumerate(writers)))
    done.set()
    await reading

    assert seen == list(range(1, 121))


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
