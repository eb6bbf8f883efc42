"""The streams of receivers: made, read, changed, verified and polled by the client that owns them, and told to nobody else."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.keys.sealing import KeyEncryptionKeys, SealedValue, row_context
from auth_server.protocol.client import Client
from auth_server.protocol.errors import ApiError
from auth_server.protocol.security_event import DISABLED, ENABLED, EVENTS, PAUSED, POLL
from auth_server.signals.configuration import (
    Delivery,
    PollRequest,
    delivery_of,
    events_of,
    status_of,
    stream_id_of,
    text_of,
)
from auth_server.signals.tokens import EventTokens
from auth_server.store.signals import Signal, Stream
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction

POLL_PATH: Final = "/ssf/poll"
MOST_STREAMS: Final = 8
MOST_EVENTS: Final = 100
VERIFICATION_INTERVAL: Final = 30
# What nobody fetched for so long is forgotten: every token of that time has expired, by any setting there is.
KEPT_SECONDS: Final = 7 * 86_400
_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Batch:
    """What a poll is answered with: signed tokens by `jti`, and whether there is more."""

    sets: Mapping[str, str]
    has_more: bool


class Streams:
    """The streams of all receivers."""

    def __init__(self, *, store: Store, keys: KeyEncryptionKeys, tokens: EventTokens) -> None:
        self._store = store
        self._keys = keys
        self.tokens = tokens

    async def create(self, client: Client, document: Mapping[str, Any]) -> dict[str, object]:
        """Make a stream; its receiver is told of what happens from now on.

        Raises:
            ApiError: 400 not a configuration; 409 the receiver has as many as it may.
        """
        delivery = delivery_of(document)
        made = Stream(
            id=secrets.token_urlsafe(_ID_BYTES),
            client_id=client.client_id,
            audience=tuple(sorted(client.introspects)),
            method=delivery.method,
            url=delivery.url,
            events=events_of(document),
            description=text_of(document, "description"),
            status=ENABLED,
        )
        stream = self._with(made, delivery)

        def work(tx: Transaction) -> None:
            if len(tx.signals.of_client(client.client_id)) >= MOST_STREAMS:
                raise ApiError(409, "too_many_streams", f"a receiver has at most {MOST_STREAMS} streams")
            tx.signals.add(stream)
            _note(tx, EventName.SIGNAL_STREAM_CREATED, stream)

        await self._store.run(work)
        return self.described(stream)

    async def every(self, client: Client) -> list[dict[str, object]]:
        """Return the configuration of each stream that a receiver has."""
        return [self.described(stream) for stream in await self._store.read(lambda tx: tx.signals.of_client(client.client_id))]

    async def find(self, client: Client, stream_id: str) -> Stream:
        """Return a stream of a receiver.

        Raises:
            ApiError: 404 there is none, or it is somebody else's.
        """
        return await self._store.read(lambda tx: _owned(tx, client, stream_id))

    async def change(self, client: Client, document: Mapping[str, Any], *, whole: bool) -> dict[str, object]:
        """Change what a document names; with `whole` also what it leaves out, which then is as in a new stream.

        Raises:
            ApiError: 400, 404.
        """
        stream_id = stream_id_of(document)
        changes: dict[str, Any] = {}
        if whole or "events_requested" in document:
            changes["events"] = events_of(document)
        if whole or "description" in document:
            changes["description"] = text_of(document, "description")
        delivery = delivery_of(document) if whole or "delivery" in document else None

        def work(tx: Transaction) -> Stream:
            stream = replace(_owned(tx, client, stream_id), **changes)
            if delivery is not None:
                stream = self._with(stream, delivery)
            tx.signals.replace(stream)
            _note(tx, EventName.SIGNAL_STREAM_CHANGED, stream)
            return stream

        return self.described(await self._store.run(work))

    async def delete(self, client: Client, stream_id: str) -> None:
        """Delete a stream.

        Raises:
            ApiError: 404.
        """

        def work(tx: Transaction) -> None:
            stream = _owned(tx, client, stream_id)
            tx.signals.delete(stream.id)
            _note(tx, EventName.SIGNAL_STREAM_DELETED, stream)

        await self._store.run(work)

    async def set_status(self, client: Client, document: Mapping[str, Any]) -> dict[str, object]:
        """Set the status: `paused` keeps what happens, `disabled` does not, `enabled` sends what was kept.

        Raises:
            ApiError: 400, 404.
        """
        stream_id, status, reason = stream_id_of(document), status_of(document), text_of(document, "reason")

        def work(tx: Transaction) -> Stream:
            stream = replace(_owned(tx, client, stream_id), status=status, reason=reason)
            tx.signals.replace(stream)
            if status == ENABLED:
                tx.signals.begin_anew(stream.id)
            _note(tx, EventName.SIGNAL_STREAM_CHANGED, stream)
            return stream

        return status_document(await self._store.run(work))

    async def verify(self, client: Client, document: Mapping[str, Any]) -> None:
        """Have a verification event sent over a stream.

        Raises:
            ApiError: 400, 404; 429 the last one is too young.
        """
        stream_id, state = stream_id_of(document), text_of(document, "state")

        def work(tx: Transaction) -> None:
            stream = _owned(tx, client, stream_id)
            if stream.status == DISABLED:
                raise ApiError(400, "invalid_request", "the stream is disabled")
            if not tx.signals.verify(stream.id, state, interval_ms=VERIFICATION_INTERVAL * 1000):
                text = f"once in {VERIFICATION_INTERVAL} seconds is enough"
                raise ApiError(429, "slow_down", text, retry_after=VERIFICATION_INTERVAL)

        await self._store.run(work)

    async def acknowledge(self, client: Client, stream_id: str, asked: PollRequest) -> Stream:
        """Take out of a stream what its receiver has or refuses (RFC 8936 sections 2.4.1 to 2.4.4).

        Raises:
            ApiError: 400 it is not polled; 404.
        """

        def work(tx: Transaction) -> Stream:
            stream = _polled(tx, client, stream_id)
            tx.signals.settle(stream.id, asked.taken)
            for jti, error in asked.refused.items():
                if tx.signals.settle(stream.id, [jti]):
                    _note(tx, EventName.SIGNAL_REFUSED, stream, outcome=error)
            return stream

        if not asked.taken and not asked.refused:
            return await self._store.read(lambda tx: _polled(tx, client, stream_id))
        return await self._store.run(work)

    async def next_batch(self, stream: Stream, most: int) -> Batch:
        """Return what a stream has for its receiver, the oldest first. It stays there until it is acknowledged."""
        waiting = await self._store.read(lambda tx: _waiting(tx, stream.id, most + 1))
        sets = {signal.jti: await self.tokens.make(stream, signal) for signal in waiting[:most]}
        return Batch(sets, has_more=len(waiting) > most)

    def authorization_of(self, stream: Stream) -> str | None:
        """Return the header that a receiver wants to see.

        Raises:
            CannotUnseal: it lies under a key encryption key that is not ours.
        """
        if stream.sealed is None or stream.kek_id is None:
            return None
        return self._keys.open(SealedValue(stream.sealed, stream.kek_id), header_context(stream.id)).decode("ascii")

    def described(self, stream: Stream) -> dict[str, object]:
        """Return the configuration of a stream. The header that was given for it is never shown again."""
        issuer = self.tokens.issuer
        address = f"{issuer}{POLL_PATH}/{stream.id}" if stream.method == POLL else stream.url
        members: dict[str, object] = {
            "stream_id": stream.id,
            "iss": issuer,
            "aud": stream.audience[0] if len(stream.audience) == 1 else list(stream.audience),
            "delivery": {"method": stream.method, "endpoint_url": address},
            "events_supported": list(EVENTS),
            "events_requested": list(stream.events),
            "events_delivered": list(stream.events),
            "min_verification_interval": VERIFICATION_INTERVAL,
        }
        return members if stream.description is None else members | {"description": stream.description}

    def _with(self, stream: Stream, delivery: Delivery) -> Stream:
        sealed = None
        if delivery.authorization is not None:
            sealed = self._keys.seal(delivery.authorization.encode("ascii"), header_context(stream.id))
        changed = replace(stream, method=delivery.method, url=delivery.url)
        if sealed is None:
            return replace(changed, sealed=None, kek_id=None)
        return replace(changed, sealed=sealed.blob, kek_id=sealed.kek_id)


def header_context(stream_id: str) -> tuple[str, ...]:
    """Return where the sealed header of a stream belongs."""
    return row_context(table="signal_stream", column="sealed", row=stream_id)


def status_document(stream: Stream) -> dict[str, object]:
    """Return the status of a stream (section 8.1.2.1)."""
    members: dict[str, object] = {"stream_id": stream.id, "status": stream.status}
    return members if stream.reason is None else members | {"reason": stream.reason}


def _owned(tx: Transaction, client: Client, stream_id: str) -> Stream:
    stream = tx.signals.find(stream_id)
    if stream is None or stream.client_id != client.client_id:
        raise ApiError(404, "not_found", "there is no such stream")
    return stream


def _polled(tx: Transaction, client: Client, stream_id: str) -> Stream:
    stream = _owned(tx, client, stream_id)
    if stream.method != POLL:
        raise ApiError(400, "invalid_request", "this stream is pushed")
    return stream


def _waiting(tx: Transaction, stream_id: str, limit: int) -> list[Signal]:
    stream = tx.signals.find(stream_id)
    return [] if stream is None or stream.status == PAUSED else tx.signals.waiting(stream_id, limit)


def _note(tx: Transaction, name: EventName, stream: Stream, *, outcome: str = "ok") -> None:
    detail: dict[str, str | int | bool] = {"stream_id": stream.id, "method": stream.method, "status": stream.status}
    record(tx, name, outcome=outcome, client_id=stream.client_id, detail=detail)
