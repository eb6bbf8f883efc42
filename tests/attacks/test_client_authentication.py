"""Attacks on client authentication: rows E01 to E10 of the project's checklist (RFC 9700 section 2.5, RFC 6749 section 2.3)."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import httpx2
import pytest

from tests.support.auth_app import Issuer, basic, running
from tests.support.databases import Database
from tests.support.registered import SECRETS

GRANT = {"grant_type": "client_credentials"}
WRONG = "a-wrong-secret-of-sufficient-length-0123456789"


async def _ask(issuer: Issuer, path: str, authorization: str | bytes | None = None, **form: str) -> httpx2.Response:
    headers = {} if authorization is None else {"Authorization": authorization}
    return await issuer.http.post(path, data={**GRANT, "token": "x", **form}, headers=headers)  # type: ignore[arg-type]


def _assert_refused(answer: httpx2.Response, status: int = 401, error: str = "invalid_client") -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.headers["cache-control"] == "no-store"
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Basic ")


each_door = pytest.mark.parametrize("path", ["/token", "/revoke"])


@each_door
async def test_e01_a_wrong_secret_in_the_header(issuer: Issuer, path: str) -> None:
    for secret in (WRONG, "", SECRETS["app"][:-1], SECRETS["app"] + "x", SECRETS["app"].upper()):
        _assert_refused(await _ask(issuer, path, basic("app", secret)))


@each_door
async def test_e02_a_wrong_secret_in_the_body(issuer: Issuer, path: str) -> None:
    _assert_refused(await _ask(issuer, path, client_id="poster", client_secret=WRONG))


@each_door
@pytest.mark.parametrize("named", [{}, {"client_id": "app"}], ids=["without a name", "with a name"])
async def test_e03_two_methods_at_once(issuer: Issuer, path: str, named: dict[str, str]) -> None:
    answer = await _ask(issuer, path, basic("app", SECRETS["app"]), client_secret=SECRETS["app"], **named)

    _assert_refused(answer, 400, "invalid_request")


@each_door
async def test_e04_two_names(issuer: Issuer, path: str) -> None:
    """CVE-2026-118669: one name was authenticated and the other one used."""
    for other in ("other", "spa", "nobody"):
        _assert_refused(await _ask(issuer, path, basic("app", SECRETS["app"]), client_id=other))


@each_door
async def test_e05_no_authentication(issuer: Issuer, path: str) -> None:
    _assert_refused(await _ask(issuer, path, client_id="app"))
    _assert_refused(await _ask(issuer, path))


@each_door
async def test_e06_a_method_that_was_not_registered(issuer: Issuer, path: str) -> None:
    _assert_refused(await _ask(issuer, path, client_id="app", client_secret=SECRETS["app"]))
    _assert_refused(await _ask(issuer, path, basic("poster", SECRETS["poster"])))
    _assert_refused(await _ask(issuer, path, basic("spa", "")))


@each_door
async def test_e07_the_secret_of_another_client(issuer: Issuer, path: str) -> None:
    _assert_refused(await _ask(issuer, path, basic("app", SECRETS["other"])))
    _assert_refused(await _ask(issuer, path, client_id="poster", client_secret=SECRETS["app"]))


@each_door
async def test_e08_an_unknown_client_is_answered_like_a_wrong_secret_after_the_same_work(issuer: Issuer, path: str) -> None:
    answers, costs = [], []
    for name in ("app", "nobody", "spa", "poster"):
        await _ask(issuer, path, basic(name, WRONG))
        with issuer.counting() as cost:
            answers.append(await _ask(issuer, path, basic(name, WRONG)))
        costs.append(len(cost.statements))

    assert len({(a.status_code, a.text, a.headers["www-authenticate"]) for a in answers}) == 1
    assert len(set(costs)) == 1, costs


@each_door
@pytest.mark.parametrize(
    "header",
    [
        b"Basic",
        b"Basic ",
        b"Basic !!!!",
        b"Basic " + base64.b64encode(b"app"),
        b"Basic " + base64.b64encode(b"app:%zz"),
        b"Basic " + base64.b64encode(b"%zz:x"),
        b"Basic " + base64.b64encode(b"app:%ff"),
        b"Basic " + base64.b64encode(b"app:\xff\xfe"),
        b"Basic " + base64.b64encode(b":" + SECRETS["app"].encode()),
        b"Basic " + base64.b64encode(b"app\x00:" + SECRETS["app"].encode()),
        b"Basic " + base64.b64encode(b"app:" + SECRETS["app"].encode() + b"\n"),
        b"Basic " + base64.b64encode(b"x" * 5_000),
        b"Bearer " + base64.b64encode(b"app:" + SECRETS["app"].encode()),
        b"Digest username=app",
    ],
)
async def test_e09_a_malformed_header(issuer: Issuer, path: str, header: bytes) -> None:
    _assert_refused(await _ask(issuer, path, header))


async def test_a_disabled_client_is_answered_like_an_unknown_one(issuer: Issuer) -> None:
    unknown = await _ask(issuer, "/token", basic("nobody", WRONG))
    await issuer.services.clients.disable("app")

    disabled = await _ask(issuer, "/token", basic("app", SECRETS["app"]))

    assert (disabled.status_code, disabled.text) == (unknown.status_code, unknown.text)


async def test_a_rotated_secret_works_at_once_and_the_old_one_until_its_end(any_issuer: Issuer) -> None:
    new = await any_issuer.services.clients.rotate_secret("app", overlap=60)
    assert new is not None

    assert (await _ask(any_issuer, "/token", basic("app", new.reveal()))).status_code == 200
    assert (await any_issuer.token("app", **GRANT)).status_code == 200
    await any_issuer.advance(60)
    _assert_refused(await any_issuer.token("app", **GRANT))
    assert (await _ask(any_issuer, "/token", basic("app", new.reveal()))).status_code == 200


async def test_e10_guessing_secrets(any_issuer: Issuer) -> None:
    """429 from the tenth on, and then also with the right secret from there, until the delay is over; nobody else is concerned."""
    issuer = any_issuer
    statuses = [(await _ask(issuer, "/token", basic("app", f"{WRONG}{n}"))).status_code for n in range(50)]
    assert statuses == [401] * 10 + [429] * 40

    slowed = await issuer.token("app", **GRANT)
    assert (slowed.status_code, slowed.json()["error"]) == (429, "slow_down")
    assert int(slowed.headers["retry-after"]) >= 1
    elsewhere = issuer.client_at("198.51.100.9")
    right = {"Authorization": basic("app", SECRETS["app"])}
    assert (await elsewhere.post("/token", data=GRANT, headers=right)).status_code == 200
    assert (await issuer.token("other", **GRANT)).status_code == 200

    issuer.clock.advance(60)
    assert (await issuer.token("app", **GRANT)).status_code == 200
    _assert_refused(await _ask(issuer, "/token", basic("app", WRONG)))
    assert issuer.events("client.authentication_slowed") == []  # the process itself refused them, without the database


async def test_e10_a_delay_grows_to_a_minute_and_no_further(issuer: Issuer) -> None:
    waits = []
    for n in range(18):
        answer = await _ask(issuer, "/token", basic("app", f"{WRONG}{n}"))
        if answer.status_code == 429:
            waits.append(int(answer.headers["retry-after"]))
            issuer.clock.advance(waits[-1])
            _assert_refused(await _ask(issuer, "/token", basic("app", WRONG)))

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


async def test_e10_the_counter_is_one_for_all_replicas(issuer_database: Database, tmp_path: Path) -> None:
    second_database = Database(issuer_database.url, issuer_database.clock)
    async with running(issuer_database, tmp_path) as first, running(second_database, tmp_path) as second:
        for n in range(10):
            _assert_refused(await _ask((first, second)[n % 2], "/token", basic("app", WRONG)))

        assert (await _ask(first, "/token", basic("app", WRONG))).status_code == 429
        assert (await _ask(second, "/token", basic("app", WRONG))).status_code == 429
        assert len(second.events("client.authentication_slowed")) == 1
    second_database.close()


async def test_e10_an_unknown_name_is_slowed_like_a_known_one(issuer: Issuer) -> None:
    for name in ("app", "nobody"):
        answers = [await _ask(issuer, "/token", basic(name, WRONG)) for _ in range(12)]
        assert [a.status_code for a in answers] == [401] * 10 + [429] * 2


async def test_e10_parallel_guesses_do_not_outrun_the_counter(any_issuer: Issuer) -> None:
    answers = await asyncio.gather(*(_ask(any_issuer, "/token", basic("app", f"{WRONG}{n}")) for n in range(60)))

    assert sum(a.status_code == 401 for a in answers) == 10


async def test_e10_an_address_cannot_make_counters_without_end(issuer: Issuer) -> None:
    answers = [await _ask(issuer, "/token", basic(f"name-{n}", WRONG)) for n in range(205)]

    assert [a.status_code for a in answers] == [401] * 200 + [429] * 5
    assert len(issuer.rows("attempt")) == 200


async def test_a_client_that_proves_itself_at_once_costs_no_look_at_a_counter(issuer: Issuer) -> None:
    await issuer.services.freshness.poll()
    await issuer.token("app", **GRANT)
    with issuer.counting() as cost:
        await issuer.token("app", **GRANT)

    assert cost.statements == []
