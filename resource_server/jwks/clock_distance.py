"""How far an issuer's clock is from this machine's, by the `Date` of its answers: what to look at first when fresh tokens are refused."""

from __future__ import annotations

from collections.abc import Callable

from resource_server.jwks.discovery import Fetch
from resource_server.jwks.fetcher import Answer


def ahead_by(date: float, asked_at: float, answered_at: float) -> float:
    """Return by how many seconds the clock that wrote `date` is ahead of the one that the exchange was timed on.

    The server's second began up to one before; the middle of it and of the exchange is the best guess.
    """
    return date + 0.5 - (asked_at + answered_at) / 2


class ClockDistance:
    """Fetches, and notes the distance each time.

    Args:
        clock: seconds since the epoch.
    """

    def __init__(self, fetch: Fetch, clock: Callable[[], float]) -> None:
        self._fetch, self._clock = fetch, clock
        self.seconds: float | None = None

    def __call__(self, url: str, *, etag: str | None = None) -> Answer:
        """Fetch as before."""
        asked_at = self._clock()
        answer = self._fetch(url, etag=etag)
        if answer.date is not None:
            self.seconds = ahead_by(answer.date, asked_at, self._clock())
        return answer
