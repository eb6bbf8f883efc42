"""How far the issuer's clock is off, as a guard sees it with every fetch."""

from __future__ import annotations

from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from math import isnan

import pytest

from resource_server.jwks.clock_distance import ClockDistance, ahead_by
from resource_server.jwks.fetcher import Answer, fetch
from tests.resource_server.support import NOW, IssuerServer, Reply, a_guard


@pytest.mark.parametrize("ahead", [-300, -2, 0, 5, 3600])
def test_the_distance_is_that_of_the_middle_of_the_exchange(ahead: int) -> None:
    times = iter([NOW + 0.25, NOW + 0.75])
    distance = ClockDistance(lambda url, *, etag=None: Answer(b"", None, NOW + ahead), lambda: next(times))

    distance("https://id.example.com")

    assert distance.seconds == ahead


def test_an_answer_without_a_date_leaves_what_was_known() -> None:
    answers = iter([Answer(b"", None, NOW + 9.5), Answer(b"", None)])
    distance = ClockDistance(lambda url, *, etag=None: next(answers), lambda: NOW + 0.0)

    distance("https://id.example.com")
    distance("https://id.example.com")

    assert distance.seconds == 10


def dated(date: int, *more: str, status: str = "200 OK", body: bytes = b"{}") -> Reply:
    """An answer with a Date of its own: the server of the tests would add another."""
    lines = [f"HTTP/1.1 {status}", f"Date: {formatdate(date, usegmt=True)}", f"Content-Length: {len(body)}", *more, "", ""]

    def act(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write("\r\n".join(lines).encode() + body)

    return Reply(act=act)


@pytest.mark.parametrize(
    "reply,date",
    [
        (dated(NOW), NOW),
        (dated(NOW, "Age: 240"), NOW + 240),
        (dated(NOW, "Age: soon"), NOW),
        (dated(NOW, status="304 Not Modified", body=b""), NOW),
    ],
    ids=["as it is", "out of a cache", "a broken cache", "not modified"],
)
def test_the_servers_time_is_read_from_the_answer(issuer: IssuerServer, reply: Reply, date: int) -> None:
    issuer.replies["/x"] = reply

    assert fetch(f"{issuer.url}/x", etag='"1"').date == date


def test_a_guard_tells_how_far_the_clocks_are_apart(issuer: IssuerServer) -> None:
    path = "/.well-known/openid-configuration"
    for name in (path, "/jwks"):
        issuer.replies[name] = dated(NOW - 90, body=issuer.replies[name].body)

    with a_guard(issuer) as guard:
        assert isnan(guard.statistics()["clock_ahead_seconds"])
        guard.warm(5)

        assert guard.statistics()["clock_ahead_seconds"] == pytest.approx(ahead_by(NOW - 90, NOW, NOW))
