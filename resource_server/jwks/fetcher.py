"""One GET, or one POST, with bounds: who may be asked, how long, how much, and no redirects. Standard library only.

The time bound is on the whole exchange, not on each read: a server that sends a byte now and then would hold a per-read bound for ever.
Proxies of the environment are not used, and nothing is cached on the way (`Cache-Control: no-cache`).
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import SplitResult, urlsplit

from shared import jose
from shared.settings import is_loopback

TOTAL_SECONDS: Final = 5.0
MAX_BYTES: Final = jose.MAX_JWKS_BYTES
_READ_BYTES: Final = 16 * 1024
_PORTS: Final = {"http": 80, "https": 443}


class FetchFailed(Exception):
    """No usable answer. `cause` is a short sentence for the log; `retry_after` is in seconds, as far as the server asked for it."""

    def __init__(self, cause: str, retry_after: float | None = None, status: int | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.retry_after = retry_after
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer: 200 with its body, or 304 with `body` None. `date` is the server's time now, in seconds since the epoch."""

    body: bytes | None
    etag: str | None
    date: float | None = None


def check_url(url: str, *, insecure_http: bool) -> None:
    """Refuse an address that keys may not be fetched from.

    https, or http to this machine itself; http elsewhere only where the operator said so. Never another scheme: `file:` or `data:` in
    a metadata document would let its author choose the keys.

    Raises:
        ValueError: with what would be legal.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname:
        if insecure_http or is_loopback(parts.hostname):
            return
        raise ValueError(f"plain http to {parts.hostname}: whoever is in between could choose the keys (https, or insecure_http)")
    raise ValueError("must be an absolute https:// URL (http:// to loopback only)")


def fetch(
    url: str,
    *,
    etag: str | None = None,
    insecure_http: bool = False,
    tls_context: ssl.SSLContext | None = None,
    total_seconds: float = TOTAL_SECONDS,
    max_bytes: int = MAX_BYTES,
    authorization: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Answer:
    """Return the document at `url`.

    Args:
        etag: the validator of the copy at hand; the answer may then be "not modified".
        total_seconds: bound of the whole exchange. Name resolution alone is bounded by the resolver's own settings.
        max_bytes: bound of the body.
        authorization: the header's value, where the address wants one.

    Raises:
        FetchFailed: for any reason at all. Nothing of such an answer is kept.
    """
    try:
        check_url(url, insecure_http=insecure_http)
        deadline = clock() + total_seconds
        raw = _connect(urlsplit(url), deadline, clock, tls_context)
    except (OSError, ValueError) as error:
        raise FetchFailed(f"cannot connect: {reason_of(error)}") from error
    try:
        return _exchange(_BoundedSocket(raw, deadline, clock), urlsplit(url), etag, max_bytes, authorization)
    except TimeoutError as error:
        raise FetchFailed(f"not done within {total_seconds:g} s") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FetchFailed(f"the exchange broke off: {type(error).__name__} {error}") from error
    finally:
        raw.close()


def post(
    url: str,
    body: bytes,
    media_type: str,
    *,
    authorization: str | None = None,
    insecure_http: bool = False,
    tls_context: ssl.SSLContext | None = None,
    total_seconds: float = TOTAL_SECONDS,
    max_bytes: int = MAX_BYTES,
    clock: Callable[[], float] = time.monotonic,
) -> bytes:
    """Post a body and return that of the answer, 200; with the bounds of `fetch`.

    Raises:
        FetchFailed: for any reason at all.
    """
    parts = urlsplit(url)
    try:
        check_url(url, insecure_http=insecure_http)
        deadline = clock() + total_seconds
        raw = _connect(parts, deadline, clock, tls_context)
    except (OSError, ValueError) as error:
        raise FetchFailed(f"cannot connect: {reason_of(error)}") from error
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Connection": "close", "Content-Type": media_type}
    if authorization is not None:
        headers["Authorization"] = authorization
    try:
        connection = _connection(_BoundedSocket(raw, deadline, clock), parts)
        connection.request("POST", _path(parts), body, headers)
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise FetchFailed(f"status {response.status}", _retry_after(response), response.status)
        return _bounded_body(response, max_bytes)
    except TimeoutError as error:
        raise FetchFailed(f"not done within {total_seconds:g} s") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FetchFailed(f"the exchange broke off: {type(error).__name__} {error}") from error
    finally:
        raw.close()


def reason_of(error: Exception) -> str:
    """Return why an exchange failed, for people: the system's own words, without its number."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _connection(bounded: _BoundedSocket, parts: SplitResult) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or _PORTS[parts.scheme])
    connection.default_port = _PORTS[parts.scheme]  # so that `Host` names a port only where the address does
    connection.sock = bounded
    return connection


def _path(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _exchange(bounded: _BoundedSocket, parts: SplitResult, etag: str | None, max_bytes: int, authorization: str | None) -> Answer:
    connection = _connection(bounded, parts)
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Cache-Control": "no-cache", "Connection": "close"}
    if etag is not None:
        headers["If-None-Match"] = etag
    if authorization is not None:
        headers["Authorization"] = authorization
    connection.request("GET", _path(parts), headers=headers)
    response = connection.getresponse()
    if response.status == http.client.NOT_MODIFIED and etag is not None:
        return Answer(None, etag, _date(response))
    if response.status != http.client.OK:
        kind = "redirects are not followed" if 300 <= response.status < 400 else "not 200"
        raise FetchFailed(f"status {response.status}: {kind}", _retry_after(response), response.status)
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise FetchFailed("the answer is compressed, which nobody asked for")
    return Answer(_bounded_body(response, max_bytes), response.headers.get("ETag"), _date(response))


def _bounded_body(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    body = bytearray()
    while chunk := response.read(_READ_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise FetchFailed(f"more than {max_bytes} bytes")
    if response.length:
        raise FetchFailed("the answer ended early")
    return bytes(body)


def _date(response: http.client.HTTPResponse) -> float | None:
    try:
        age = response.headers.get("Age", "0").strip()
        # A cache on the way keeps the Date of the first answer, and says how old that is (RFC 9111 section 5.1).
        passed = float(age[:9]) if age.isascii() and age.isdigit() else 0.0
        return parsedate_to_datetime(response.headers.get("Date", "")).timestamp() + passed
    except (ValueError, TypeError, OverflowError):
        return None


def _retry_after(response: http.client.HTTPResponse) -> float | None:
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _connect(
    parts: SplitResult, deadline: float, clock: Callable[[], float], tls_context: ssl.SSLContext | None
) -> socket.socket:
    host = parts.hostname or ""
    raw = _open(host, parts.port or _PORTS[parts.scheme], deadline, clock)
    try:
        if parts.scheme == "https":
            raw.settimeout(_left(deadline, clock))
            raw = (tls_context or ssl.create_default_context()).wrap_socket(raw, server_hostname=host)
    except (OSError, ValueError):
        raw.close()
        raise
    return raw


def _open(host: str, port: int, deadline: float, clock: Callable[[], float]) -> socket.socket:
    last: OSError = OSError("no address")
    for family, kind, protocol, _name, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        attempt = socket.socket(family, kind, protocol)
        try:
            attempt.settimeout(_left(deadline, clock))
            attempt.connect(address)
        except OSError as error:
            attempt.close()
            last = error
        else:
            attempt.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return attempt
    raise last


def _left(deadline: float, clock: Callable[[], float]) -> float:
    left = deadline - clock()
    if left <= 0:
        raise TimeoutError("the time for this exchange is over")
    return left


class _BoundedReader(io.RawIOBase):
    """Reads from a socket until the deadline of the whole exchange."""

    def __init__(self, raw: socket.socket, deadline: float, clock: Callable[[], float]) -> None:
        self._raw, self._deadline, self._clock = raw, deadline, clock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed: any writable buffer
        self._raw.settimeout(_left(self._deadline, self._clock))
        return self._raw.recv_into(buffer)


class _BoundedSocket:
    """The three methods that `http.client` asks of a socket, with one deadline for all of them."""

    def __init__(self, raw: socket.socket, deadline: float, clock: Callable[[], float]) -> None:
        self._raw, self._deadline, self._clock = raw, deadline, clock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_BoundedReader(self._raw, self._deadline, self._clock))

    def sendall(self, sent: bytes) -> None:
        self._raw.settimeout(_left(self._deadline, self._clock))
        self._raw.sendall(sent)

    def close(self) -> None:
        """Do nothing: `http.client` closes before the answer is read, and `fetch` closes afterwards."""
