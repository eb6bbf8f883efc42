"""Pushes security event tokens to receivers: takes what is due from the outbox, signs, posts, and tries again until it arrived (RFC 8935).

The row is claimed before anything is sent and settled after, so a server that dies in between makes a delivery late or double, never
lost; a receiver tells doubles by their `jti`. A receiver that does not answer for long has its stream paused: what happens is kept for it
until it says that it is there again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import ClassVar, Final

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.jobs.contract import Job
from auth_server.jobs.waits import doubled
from auth_server.outbound.fetch import FetchFailed
from auth_server.protocol.errors import KeyUnavailable
from auth_server.protocol.security_event import ENABLED, MEDIA_TYPE, PAUSED, PUSH
from auth_server.signals.streams import Streams
from auth_server.store.signals import Signal, Stream
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction

_LOG: Final = logging.getLogger(__name__)
_AT_ONCE: Final = 8
# Longer than a delivery can take, so that no other replica takes it up meanwhile.
_CLAIMED_MS: Final = 60_000
_FIRST_WAIT_MS: Final = 5_000
MOST_ATTEMPTS: Final = 24
_TAKEN: Final = 202
_REFUSED: Final = 400

# Posts a body of a media type to a URL, with an `Authorization` header where there is one; returns the status.
Post = Callable[[str, bytes, str, str | None], Awaitable[int]]


class DeliverSignals(Job):
    """Every second; an empty outbox costs one look."""

    name: ClassVar[str] = "deliver_signals"
    interval: float = 1.0
    spread: float = 0.25

    def __init__(self, *, store: Store, streams: Streams, post: Post) -> None:
        self._store = store
        self._streams = streams
        self._post = post

    async def run(self) -> None:
        """Push what is due."""
        if not await self._store.read(lambda tx: tx.signals.is_anything_due()):
            return
        due = await self._store.run(lambda tx: tx.signals.claim(_AT_ONCE, wait_ms=_CLAIMED_MS))
        await asyncio.gather(*(self._deliver(signal) for signal in due))

    async def _deliver(self, signal: Signal) -> None:
        stream = await self._store.read(lambda tx: tx.signals.find(signal.stream_id))
        if stream is None or stream.method != PUSH or stream.url is None:
            return
        failure, is_refused = None, False
        try:
            token = (await self._streams.tokens.make(stream, signal)).encode("ascii")
            status = await self._post(stream.url, token, MEDIA_TYPE, self._streams.authorization_of(stream))
            is_refused = status == _REFUSED
            failure = None if status in (_TAKEN, _REFUSED) else f"status {status}"
        except (FetchFailed, KeyUnavailable) as error:
            failure = str(error)
        await self._store.run(lambda tx: _settle(tx, signal, failure, is_refused=is_refused))
        if failure is not None:
            fields = {"client_id": stream.client_id, "stream_id": stream.id, "attempt": signal.attempts + 1, "failure": failure}
            _LOG.warning("a receiver was not told of an event", extra={"fields": fields})


def wait_ms(attempts: int) -> int:
    """Return how long to wait after so many attempts before this one."""
    return doubled(_FIRST_WAIT_MS, attempts)


def _settle(tx: Transaction, signal: Signal, failure: str | None, *, is_refused: bool) -> None:
    stream = tx.signals.find(signal.stream_id)
    if stream is None:
        return
    if failure is None:
        # Refused once, a token is refused for ever: it says the same each time (RFC 8935 section 2.4).
        tx.signals.settle(stream.id, [signal.jti])
        if is_refused:
            _note(tx, EventName.SIGNAL_REFUSED, stream, outcome="refused")
        return
    tx.signals.put_off(signal.jti, wait_ms(signal.attempts))
    if signal.attempts + 1 >= MOST_ATTEMPTS and stream.status == ENABLED:
        tx.signals.replace(replace(stream, status=PAUSED, reason="the receiver did not answer"))
        _note(tx, EventName.SIGNAL_STREAM_PAUSED, stream, outcome="gave_up")


def _note(tx: Transaction, name: EventName, stream: Stream, *, outcome: str) -> None:
    record(tx, name, outcome=outcome, actor="job", client_id=stream.client_id, detail={"stream_id": stream.id})
