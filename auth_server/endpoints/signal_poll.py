"""The poll endpoint of a stream: a receiver fetches its security event tokens and acknowledges them (RFC 8936)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from auth_server.endpoints.signal_streams import ReceiverEndpoint, Receivers
from auth_server.protocol.client import Client
from auth_server.signals.configuration import PollRequest
from auth_server.signals.streams import MOST_EVENTS, POLL_PATH, Batch, Streams
from auth_server.store.signals import Stream
from auth_server.web.request import Request
from auth_server.web.responses import Response, json_response

_MAX_BYTES: Final = 64 * 1024
# How long a receiver that may wait is let wait, and how often is looked for it: another process may have written the news.
WAIT_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.25
_sleep = asyncio.sleep
# Whoever finds no room is answered at once, and asks again.
_MOST_WAITING: Final = 64


class SignalPollEndpoint(ReceiverEndpoint):
    """`POST /ssf/poll/{stream_id}`. What is answered is told again until it was acknowledged."""

    path = f"{POLL_PATH}/{{stream_id}}"
    methods = ("POST",)

    def __init__(
        self,
        streams: Streams,
        receivers: Receivers,
        *,
        is_stopping: Callable[[], bool] = lambda: False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(streams, receivers)
        self._is_stopping = is_stopping
        self._monotonic = monotonic
        self._waiting = 0

    async def answer_receiver(self, request: Request, client: Client) -> Response:
        """Take the acknowledgements, then answer: at once when there is something, else when there is or the wait is over."""
        asked = PollRequest.parse(await request.json(_MAX_BYTES), MOST_EVENTS)
        stream = await self._streams.acknowledge(client, request.path_parameter("stream_id"), asked)
        batch = await self._batch(stream, asked) if asked.most else Batch({}, has_more=False)
        return json_response({"sets": batch.sets, "moreAvailable": batch.has_more})

    async def _batch(self, stream: Stream, asked: PollRequest) -> Batch:
        batch = await self._streams.next_batch(stream, asked.most)
        if batch.sets or asked.at_once or self._waiting >= _MOST_WAITING:
            return batch
        self._waiting += 1
        try:
            until = self._monotonic() + WAIT_SECONDS
            while not batch.sets and self._monotonic() < until and not self._is_stopping():
                await _sleep(_LOOK_SECONDS)
                batch = await self._streams.next_batch(stream, asked.most)
        finally:
            self._waiting -= 1
        return batch
