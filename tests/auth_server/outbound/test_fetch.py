"""The only outgoing HTTP: what may be fetched, what is refused, and what is remembered of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from auth_server.outbound import fetch
from auth_server.outbound.fetch import FetchFailed, NeedsFetch, Outbound
from tests.support.outside import PUBLIC, Outside, an_outside, answer

URL = "https://a.outside.example/jwks"
KEYS = {"keys": []}


class Ticks:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
async def outside(tmp_path: Path) -> AsyncIterator[Outside]:
    async with an_outside(tmp_path / "outside") as made:
        yield made


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def outbound(outside: Outside, ticks: Ticks) -> Outbound:
    return Outbound(outside, ticks)


async def test_a_document_is_fetched_once_and_remembered(outbound: Outbound, outside: Outside) -> None:
    outside.pages[URL] = KEYS

    assert [(await outbound.document(URL)).document for _ in range(3)] == [KEYS] * 3
    assert outbound.remembered(URL).document == KEYS
    assert outside.asked == [f"GET {URL}"]
    assert "cookie" not in outside.heads[0].lower()
    assert "authorization" not in outside.heads[0].lower()


async def test_a_decision_is_told_what_it_needs(outbound: Outbound) -> None:
    with pytest.raises(NeedsFetch) as needs:
        outbound.remembered(URL)

    assert needs.value.url == URL


async def test_a_failure_is_remembered_for_a_minute_and_no_longer(outbound: Outbound, outside: Outside, ticks: Ticks) -> None:
    assert (await outbound.document(URL)).failure == "status 404"
    ticks.at = 59.9
    assert (await outbound.document(URL)).failure == "status 404"
    assert len(outside.asked) == 1

    ticks.at, outside.pages[URL] = 60.0, KEYS
    assert (await outbound.document(URL)).document == KEYS


async def test_nothing_is_asked_for_twice_within_a_minute_however_new_it_must_be(
    outbound: Outbound, outside: Outside, ticks: Ticks
) -> None:
    outside.pages[URL] = KEYS
    for at in (0.0, 30.0, 59.0, 60.0):
        ticks.at = at
        await outbound.document(URL, max_age=0)

    assert len(outside.asked) == 2


async def test_an_outage_leaves_the_last_document_in_use_for_a_day(outbound: Outbound, outside: Outside, ticks: Ticks) -> None:
    outside.pages[URL] = KEYS
    await outbound.document(URL)
    outside.pages[URL] = answer(500)

    ticks.at = 86_000.0
    kept = await outbound.document(URL)
    ticks.at = 86_500.0
    over = await outbound.document(URL)

    assert (kept.document, kept.failure) == (KEYS, "status 500")
    assert over.document is None


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["::1"], ["169.254.169.254"], ["10.1.2.3"], ["64:ff9b::7f00:1"], [PUBLIC, "127.0.0.1"], ["fe80::1%lo"], []],
)
async def test_a_name_that_leads_inside_is_refused_without_a_connection(
    outbound: Outbound, outside: Outside, addresses: list[str]
) -> None:
    outside.pages[URL], outside.addresses["a.outside.example"] = KEYS, [addresses]

    assert (await outbound.document(URL)).failure == "not a public address"
    assert outside.dialled == []


async def test_a_resolver_that_changes_its_answer_is_asked_once(outbound: Outbound, outside: Outside) -> None:
    """DNS rebinding: the address that was judged is the address that is dialled."""
    outside.pages[URL], outside.addresses["a.outside.example"] = KEYS, [[PUBLIC], ["127.0.0.1"]]

    assert (await outbound.document(URL)).document == KEYS
    assert (outside.looked_up, outside.dialled) == (["a.outside.example"], [f"a.outside.example {PUBLIC}"])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(outbound: Outbound, outside: Outside, status: int) -> None:
    outside.pages[URL] = answer(status, b"", "application/json", "Location: https://b.outside.example/x")
    outside.pages["https://b.outside.example/x"] = KEYS

    assert (await outbound.document(URL)).failure == f"status {status}"
    assert outside.asked == [f"GET {URL}"]


async def test_a_certificate_for_another_name_is_refused(outbound: Outbound, outside: Outside) -> None:
    outside.pages["https://a.test/"] = KEYS

    assert (await outbound.document("https://a.test/")).failure == "TLS failed"
    assert outside.asked == []


async def test_an_authority_that_nobody_knows_is_refused(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network that production uses, dialled at loopback alone."""
    network = fetch.PublicNetwork()
    real = asyncio.open_connection

    async def dial(_address: str, _port: int, **options: object) -> object:
        return await real("127.0.0.1", outside.port, **options)

    monkeypatch.setattr("asyncio.open_connection", dial)
    monkeypatch.setattr(network, "resolve", outside.resolve)
    outside.pages[URL] = KEYS

    assert (await Outbound(network).document(URL)).failure == "TLS failed"
    assert outside.asked == []


@pytest.mark.parametrize(
    "page",
    [
        answer(200, b"{}", "text/html"),
        answer(200, b"[]"),
        answer(200, b"{"),
        answer(200, b'{"a":1,"a":2}'),
        answer(200, b'{"a":NaN}'),
        answer(200, b"\xff"),
        answer(200, b"[" * 30_000),
        answer(204),
        b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 65537\r\n\r\n" + b" " * 65_537,
        b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\n\r\n{" + b" " * 70_000,
        b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
         b"4000\r\n" + b" " * 0x4000 + b"\r\n" + b"ffff\r\n" + b" " * 0xFFFF + b"\r\n",
        b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{}",
        b"HTTP/1.1 200 X\r\n" + b"X: y\r\n" * 20_000,
        b"SSH-2.0-x\r\n\r\n",
        b"",
    ],
)  # fmt: skip
async def test_what_is_not_one_small_json_object_is_refused(outbound: Outbound, outside: Outside, page: bytes) -> None:
    outside.pages[URL] = page

    fetched = await outbound.document(URL)

    assert fetched.document is None
    assert fetched.failure


@pytest.mark.parametrize(
    "page",
    [
        answer(200, b'{"keys":[]}', "application/jwk-set+json; charset=utf-8"),
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(200, b'{"keys":[]}'),
        b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"keys":[]}',
        (b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'5;x=y\r\n{"key\r\n6\r\ns":[]}\r\n0\r\n\r\n'),
    ],
)  # fmt: skip
async def test_every_way_to_send_a_document_is_understood(outbound: Outbound, outside: Outside, page: bytes) -> None:
    outside.pages[URL] = page

    assert (await outbound.document(URL)).document == KEYS


async def test_a_server_that_never_ends_is_left(outside: Outside, outbound: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five seconds in all, however steadily it trickles; here a tenth of one."""
    monkeypatch.setattr(fetch, "SECONDS", 0.1)

    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\n\r\n{")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    outside.pages[URL] = trickle

    assert "not done within" in str((await outbound.document(URL)).failure)


async def test_one_request_to_a_host_and_ten_in_all_are_under_way(outbound: Outbound, outside: Outside) -> None:
    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(answer(200, b"{}"))

    for n in range(15):
        for path in ("x", "y"):
            outside.pages[f"https://h{n}.outside.example/{path}"] = slow
    one_host = [outbound.document(f"https://h0.outside.example/{path}") for path in ("x", "y")]
    await asyncio.gather(*one_host)
    assert outside.most_under_way == 1

    await asyncio.gather(*(outbound.document(f"https://h{n}.outside.example/x") for n in range(1, 15)))

    assert 1 < outside.most_under_way <= 10


async def test_strangers_leave_half_of_the_places_to_others(outbound: Outbound, outside: Outside) -> None:
    reached, gate = asyncio.Semaphore(0), asyncio.Event()

    async def held(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.release()
        await gate.wait()
        writer.write(answer(200, b"{}"))

    for n in range(12):
        outside.pages[f"https://s{n}.outside.example/"] = held
    outside.pages[URL] = KEYS
    strangers = [asyncio.create_task(outbound.document(f"https://s{n}.outside.example/", for_stranger=True)) for n in range(12)]
    for _ in range(5):
        await reached.acquire()

    assert (await outbound.document(URL)).document == KEYS
    assert outside.most_under_way == 6

    gate.set()
    await asyncio.gather(*strangers)


async def test_many_askers_of_one_document_cause_one_request(outbound: Outbound, outside: Outside) -> None:
    outside.pages[URL] = KEYS

    answers = await asyncio.gather(*(outbound.document(URL) for _ in range(50)))

    assert {str(each.document) for each in answers} == {str(KEYS)}
    assert len(outside.asked) == 1


async def test_what_is_remembered_is_bounded(outbound: Outbound, outside: Outside) -> None:
    for n in range(600):
        await outbound.document(f"http://refused.example/{n}")

    assert len(outbound._entries) == 512
    assert outbound._hosts == {}


async def test_a_notice_is_posted_as_a_form_and_its_status_told(outbound: Outbound, outside: Outside) -> None:
    outside.pages["https://a.outside.example/logout"] = answer(204)

    assert await outbound.post_form("https://a.outside.example/logout", {"logout_token": "a b"}) == 204
    assert outside.bodies == [b"logout_token=a+b"]
    assert await outbound.post_form("https://a.outside.example/gone", {"logout_token": "x"}) == 404


@pytest.mark.parametrize("url", ["http://a.example/", "https://a.outside.example:8443/", "https://[::1]/", "https://127.0.0.1/"])
async def test_a_notice_goes_nowhere_else(outbound: Outbound, outside: Outside, url: str) -> None:
    outside.addresses |= {"127.0.0.1": [["127.0.0.1"]], "::1": [["::1"]]}
    with pytest.raises(FetchFailed):
        await outbound.post_form(url, {"logout_token": "x"})

    assert outside.dialled == []
