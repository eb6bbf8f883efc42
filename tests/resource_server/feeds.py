"""A revocation feed of the tests' own making, at the loopback issuer: pages by hand, so that they can be wrong in every way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from resource_server import Guard
from resource_server.readiness import Readiness
from tests.resource_server.support import NOW, IssuerServer, Reply, Signer, a_header, a_token, rs256

WAIT_SECONDS = 10.0


class FakeFeed:
    """What the issuer has revoked. Change `entries` through `revoke`, and everything else as a test needs it.

    Attributes:
        page: makes the claims of an answer out of the cursor; replace it to misbehave.
        questions: the queries that came, in order.
        status: anything but 200 is answered at once, without a page.
    """

    def __init__(self, issuer: IssuerServer) -> None:
        self.issuer = issuer
        self.entries: list[dict[str, Any]] = []
        self.epoch = 0
        self.status = 200
        self.sign: Signer = rs256()
        self.header: dict[str, object] = {}
        self.page: Callable[[int | None], dict[str, Any]] = self.good_page
        self.questions: list[dict[str, str]] = []
        self._news = threading.Condition()
        issuer.replies["/feed"] = Reply(act=self._answer)
        issuer.describe(revocation_feed_endpoint=f"{issuer.url}/feed", revocation_feed_signing_alg_values_supported=["RS256"])

    def revoke(self, kind: str, key: str, **members: int) -> None:
        """Name something dead."""
        with self._news:
            n = len(self.entries) + 1
            self.entries.append({"n": n, "t": NOW, "kind": kind, "key": key, "until": NOW + 720, **members})
            self._news.notify_all()

    def interrupt(self) -> None:
        """Let whoever waits be answered."""
        with self._news:
            self._news.notify_all()

    def good_page(self, after: int | None) -> dict[str, Any]:
        """The page behind a cursor, as the real issuer would make it."""
        start = after if after is not None and after <= len(self.entries) else 0
        page = {
            "iss": self.issuer.url,
            "iat": NOW,
            "from": start + 1,
            "to": len(self.entries),
            "key_epoch": self.epoch,
            "entries": self.entries[start:],
        }
        return page if start == after else {**page, "snapshot": True}

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = dict(parse_qsl(urlsplit(handler.path).query))
        self.questions.append(asked)
        after = int(asked["after"]) if "after" in asked else None
        with self._news:
            if self.status == 200 and after == len(self.entries) and "wait" in asked:
                self._news.wait(WAIT_SECONDS)
            body = a_token(self.page(after), a_header(typ="revocation-feed+jwt", **self.header), self.sign)
        handler.send_response(self.status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@contextmanager
def a_feed(issuer: IssuerServer) -> Iterator[FakeFeed]:
    """A feed at this issuer; at the end nobody waits any more."""
    feed = FakeFeed(issuer)
    try:
        yield feed
    finally:
        feed.status = 503
        feed.interrupt()


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Return when the condition holds; a bound for a failure, not a measure."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.002)


def warm_until_told(guard: Guard) -> Readiness:
    """Load the keys until each issuer gave some or was seen to fail, however long a busy machine takes; return what is ready then."""
    guard.start()
    until(lambda: all(each.keys.is_usable or each.keys.last_failure for each in guard.issuers.values()))
    return guard.ready()


def a_token_of_session(issuer: IssuerServer, **members: object) -> bytes:
    """Return a token of the session `s1` and the grant `g1`."""
    return issuer.token(**{"sid": "s1", "grant_id": "g1", **members})


def feed_of(guard: Guard) -> Any:
    """Return what a guard follows the feed of its issuer with."""
    return next(iter(guard.issuers.values())).revocations


def heard(guard: Guard, pages: int) -> None:
    """Wait until a guard has taken so many pages."""
    until(lambda: guard.statistics()["feed_pages"] >= pages)
