"""The only outgoing HTTP. A stranger may cause some of it, so every rule stands here and none can be switched off.

The rules: https only, on port 443; the name is resolved once, every address it has must be public, and the connection goes to one of those
addresses (no second resolution); TLS is checked against the name; no redirect is followed; 5 seconds in all, waiting included; 64 KiB;
JSON documents only; no cookie, and no credential but the header that a receiver of events named for itself; at most 10 requests in flight,
half of them caused by strangers, and one to each host; what came of a document is remembered for a minute at least, failures too. A
document that was there goes on counting for a day when its place does not answer: its keys are as good as they were.

A decision never fetches: it reads what is remembered, and raises `NeedsFetch` where that is not enough. Whoever drives it fetches,
outside any transaction, and lets it decide again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol
from urllib.parse import urlencode, urlsplit

from auth_server.outbound.addresses import Target, is_public, parse_url
from auth_server.outbound.http1 import Answer, MalformedAnswer, read_answer, request_bytes
from auth_server.protocol.errors import ApiError
from auth_server.protocol.form import FORM_MEDIA_TYPE
from auth_server.web.request import parse_object

_LOG: Final = logging.getLogger(__name__)
SECONDS: Final = 5.0
MOST_BYTES: Final = 64 * 1024
IN_FLIGHT: Final = 10
# Nothing is asked for again sooner, whatever became of it.
LEAST_AGE_SECONDS: Final = 60.0
# How old a remembered document may be when nothing speaks against it.
USUAL_AGE_SECONDS: Final = 300.0
STALE_SECONDS: Final = 86_400.0
_REMEMBERED: Final = 512
_REMEMBERED_BYTES: Final = 4 * 1024 * 1024


class FetchFailed(Exception):
    """There is no document, or the notice did not arrive. The text is for the log: fixed words, never what was received."""


class _Busy(FetchFailed):
    """It was not even tried, which says nothing about the document."""


class NeedsFetch(Exception):
    """A decision needs a document that is not remembered, or only an older one: fetch it, then decide again."""

    def __init__(self, url: str, max_age: float = USUAL_AGE_SECONDS) -> None:
        super().__init__("a document has to be fetched first")
        self.url = url
        self.max_age = max_age


@dataclass(frozen=True, slots=True)
class Remembered:
    """What became of a fetch: a JSON object, or None and why the last attempt failed."""

    document: Mapping[str, Any] | None
    failure: str | None = None


class Network(Protocol):
    """How names become addresses and addresses connections."""

    async def resolve(self, host: str) -> Sequence[str]:
        """Return the addresses of a host."""

    async def connect(self, address: str, host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a TLS connection to an address, port 443, whose certificate must be the host's."""


class PublicNetwork:
    """The real one."""

    def __init__(self) -> None:
        self._tls: ssl.SSLContext | None = None

    async def resolve(self, host: str) -> Sequence[str]:
        """Ask the system's resolver."""
        found = await asyncio.get_running_loop().getaddrinfo(host, 443, type=1)  # SOCK_STREAM
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    async def connect(self, address: str, host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect."""
        if self._tls is None:
            # Reading the system's authorities costs 20 ms and some memory, which most processes never need.
            self._tls = ssl.create_default_context()
        return await asyncio.open_connection(address, 443, ssl=self._tls, server_hostname=host, limit=MOST_BYTES)


@dataclass(slots=True)
class _Entry:
    document: Mapping[str, Any] | None
    failure: str | None
    fetched_at: float
    tried_at: float
    size: int


@dataclass(slots=True)
class _Host:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class Outbound:
    """Fetches documents and sends notices."""

    def __init__(self, network: Network | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._network = network or PublicNetwork()
        self._monotonic = monotonic
        self._entries: dict[str, _Entry] = {}
        self._bytes = 0
        self._hosts: dict[str, _Host] = {}
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._slots_for_strangers = asyncio.Semaphore(IN_FLIGHT // 2)

    def remembered(self, url: str, max_age: float = USUAL_AGE_SECONDS) -> Remembered:
        """Return what is remembered of a URL.

        Args:
            max_age: how old a document may be, seconds; less than a minute makes no sense, because nothing is asked for again sooner.

        Raises:
            NeedsFetch: nothing, or something too old.
        """
        entry = self._entries.get(url)
        if entry is not None:
            now = self._monotonic()
            is_young = entry.failure is None and now - entry.fetched_at < max_age
            if is_young or now - entry.tried_at < LEAST_AGE_SECONDS:
                return Remembered(entry.document, entry.failure)
        raise NeedsFetch(url, max_age)

    async def document(self, url: str, max_age: float = USUAL_AGE_SECONDS, *, for_stranger: bool = False) -> Remembered:
        """Return the JSON object behind a URL, remembered or fetched now; its `failure` says why there is none. Never raises.

        Args:
            for_stranger: the URL came with a request, and from no registration.
        """
        with contextlib.suppress(NeedsFetch):
            return self.remembered(url, max_age)
        try:
            target = parse_url(url)
            async with self._turn(target.host, for_stranger=for_stranger):
                # Whoever had the turn before may have asked for the very same document.
                with contextlib.suppress(NeedsFetch):
                    return self.remembered(url, max_age)
                answer = await self._exchange(target, "GET", {"Accept": "application/json"})
                return self._remember(url, *_object(answer))
        except _Busy as error:
            return Remembered(None, str(error))
        except (FetchFailed, ValueError) as error:
            return self._remember(url, None, str(error), 0)

    async def post_form(self, url: str, fields: Mapping[str, str]) -> int:
        """Post a form and return the status; otherwise like `post`."""
        return await self.post(url, urlencode(fields).encode("ascii"), FORM_MEDIA_TYPE)

    async def post(self, url: str, body: bytes, media_type: str, authorization: str | None = None) -> int:
        """Post a body and return the status; the body of the answer is not looked at.

        Args:
            authorization: the header that whoever owns the URL asked to see there; printable ASCII.

        Raises:
            FetchFailed: it did not arrive, or no answer came in time.
        """
        headers = {"Content-Type": media_type, "Accept": "application/json"}
        if authorization is not None:
            headers["Authorization"] = authorization
        try:
            target = parse_url(url)
        except ValueError as error:
            raise FetchFailed(str(error)) from error
        async with self._turn(target.host):
            answer = await self._exchange(target, "POST", headers, body)
        return answer.status

    @contextlib.asynccontextmanager
    async def _turn(self, host: str, *, for_stranger: bool = False) -> AsyncIterator[None]:
        """Hold one of the ten places, and the only one of this host."""
        place = self._hosts.setdefault(host, _Host())
        place.waiting += 1
        began = False
        try:
            async with asyncio.timeout(SECONDS), contextlib.AsyncExitStack() as held:
                await held.enter_async_context(place.lock)
                if for_stranger:
                    await held.enter_async_context(self._slots_for_strangers)
                await held.enter_async_context(self._slots)
                began = True
                yield
        except TimeoutError as error:
            failed = FetchFailed if began else _Busy
            raise failed(f"not done within {SECONDS:.0f} s") from error
        finally:
            place.waiting -= 1
            if not place.waiting:
                self._hosts.pop(host, None)

    async def _exchange(self, target: Target, method: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        sent = request_bytes(method, target.host, target.path, {"User-Agent": "sealwright", **headers}, body)
        try:
            reader, writer = await self._connect(target.host)
            try:
                writer.write(sent)
                await writer.drain()
                return await read_answer(reader, MOST_BYTES)
            finally:
                # Not closed in good order: that would wait for the other side.
                writer.transport.abort()
        except MalformedAnswer as error:
            raise FetchFailed(f"malformed answer: {error}") from error
        except ssl.SSLError as error:
            raise FetchFailed("TLS failed") from error
        except OSError as error:
            raise FetchFailed(f"connection failed: {type(error).__name__}") from error

    async def _connect(self, host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        addresses = await self._network.resolve(host)
        # Every one of them: a name that is public and private at once belongs to somebody who tries something.
        if not addresses or not all(map(is_public, addresses)):
            _LOG.warning("an outgoing request was refused", extra={"fields": {"host": host, "reason": "not a public address"}})
            raise FetchFailed("not a public address")
        *first, last = addresses
        for address in first:
            with contextlib.suppress(OSError):
                return await self._network.connect(address, host)
        return await self._network.connect(last, host)

    def _remember(self, url: str, document: Mapping[str, Any] | None, failure: str | None, size: int) -> Remembered:
        now = self._monotonic()
        before = self._entries.pop(url, None)
        entry = _Entry(document, failure, now, now, size)
        if failure is not None:
            # The host alone: what stands behind it was chosen by others, and may be meant for nobody's log.
            _LOG.warning("a document could not be fetched", extra={"fields": {"host": _host_of(url), "reason": failure}})
            if before is not None and before.document is not None and now - before.fetched_at < STALE_SECONDS:
                entry = replace(before, failure=failure, tried_at=now)
        self._bytes += entry.size - (before.size if before else 0)
        self._entries[url] = entry
        while len(self._entries) > _REMEMBERED or self._bytes > _REMEMBERED_BYTES:
            oldest = next(iter(self._entries))
            self._bytes -= self._entries.pop(oldest).size
        return Remembered(entry.document, failure)


def _object(answer: Answer) -> tuple[Mapping[str, Any] | None, str | None, int]:
    """Return the document, or why there is none, and its size in bytes."""
    if answer.status != 200:
        return None, f"status {answer.status}", 0
    if answer.media_type != "application/json" and not answer.media_type.endswith("+json"):
        return None, "not JSON by its content type", 0
    try:
        return parse_object(answer.body), None, len(answer.body)
    except ApiError:
        return None, "not one JSON object", 0


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
