"""Shared signals, received: ended sessions and changed passwords that a transmitter pushes here or has fetched (RFC 8935, RFC 8936).

    signals = Signals(guard, authorization="Bearer " + secret)
    app.mount("/signals", signals)                                # pushed
    SignalPoller(signals, url, authorization="Basic …").start()   # or polled

What an event ends is refused by the guard when `take` returns: the session that it names, or all that its person got until then.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import threading
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final

from resource_server.challenge import Answer
from resource_server.jwks.fetcher import FetchFailed, post
from resource_server.trusted_issuer import TrustedIssuer
from resource_server.verifier.errors import TokenRefused
from resource_server.verifier.revoked import TooManyRevocations
from resource_server.verifier.security_event import (
    MAX_SET_BYTES,
    SecurityEvent,
    SetByUnknownKey,
    SetRefused,
    peek_set_issuer,
    verify_set,
)
from resource_server.verifier.strict_json import parse_object

if TYPE_CHECKING:
    import ssl

    from resource_server.adapters.asgi import Receive, Scope, Send
    from resource_server.guard import Guard

_MEDIA_TYPE: Final = "application/secevent+jwt"
_REMEMBERED: Final = 10_000
# What a poll may wait for, and what it may bring.
POLL_SECONDS: Final = 20.0
_MAX_POLL_BYTES: Final = 4 * 1024 * 1024
_FIRST_RETRY: Final = 0.25
_LAST_RETRY: Final = 30.0


class SignalsUnavailable(Exception):
    """A token could not be judged or kept now; it must come again."""


class Signals:
    """Takes security event tokens of a guard's issuers, and has the guard refuse what they end. Thread-safe.

    Itself an ASGI application: mount it where the transmitter pushes to.

    Args:
        guard: its issuers are believed, by their own keys, and told tokens are refused by it.
        audience: what `aud` must name; the guard's own audiences by default.
        authorization: the header that a pusher must show, such as `Bearer …`; None takes anybody's word, and the signature's.
    """

    def __init__(self, guard: Guard, *, audience: str | Collection[str] | None = None, authorization: str | None = None) -> None:
        named = guard.policy.audiences if audience is None else [audience] if isinstance(audience, str) else audience
        self._guard, self._audiences = guard, frozenset(named)
        self._authorization = None if authorization is None else authorization.encode("latin-1")
        self._seen: dict[tuple[str, str], None] = {}
        self._lock = threading.Lock()
        self.taken = 0
        self.refused = 0

    def take(self, compact: str | bytes) -> SecurityEvent:
        """Verify a token and end what it ends. One that comes again changes nothing, and is answered like the first time.

        Raises:
            SetRefused: why not; with the code for the transmitter.
            SignalsUnavailable: its key is not at hand, or there is no room: it must come again.
        """
        try:
            event = self._take(compact.encode("ascii") if isinstance(compact, str) else compact)
        except UnicodeEncodeError as error:
            self.refused += 1
            raise SetRefused("invalid_request", "not ASCII") from error
        except SetRefused:
            self.refused += 1
            raise
        self.taken += 1
        return event

    async def atake(self, compact: str | bytes) -> SecurityEvent:
        """Like `take`, without ever blocking the event loop."""
        return await asyncio.to_thread(self.take, compact)

    def _take(self, compact: bytes) -> SecurityEvent:
        name = peek_set_issuer(compact)
        issuer = self._guard.issuers.get(name)
        if issuer is None:
            raise SetRefused("invalid_issuer", f"got iss {name!r}, which is none of this guard's")
        event = self._verified(compact, issuer)
        key = (name, event.jti)
        if event.ends is not None and key not in self._seen:
            try:
                issuer.revocations.add(event.ends)
            except TooManyRevocations as error:
                raise SignalsUnavailable(str(error)) from error
        # Behind the entry: whatever failed before is taken anew when it comes again.
        with self._lock:
            self._seen[key] = None
            if len(self._seen) > _REMEMBERED:
                del self._seen[next(iter(self._seen))]
        return event

    def _verified(self, compact: bytes, issuer: TrustedIssuer) -> SecurityEvent:
        def verified() -> SecurityEvent:
            known = issuer.keys.view.key_set
            until = issuer.latest_expiry()
            return verify_set(compact, known, issuer.revocations.revoked, issuer.policy, audiences=self._audiences, until=until)

        try:
            return verified()
        except SetByUnknownKey as unknown:
            try:
                issuer.keys.seek(unknown.key_id)
                return verified()
            except (TokenRefused, SetByUnknownKey) as error:
                # Not for ever: keys are asked for at most once a second, and what is refused once does not come again.
                raise SignalsUnavailable(f"{unknown}, and the issuer did not show it when it was asked") from error

    # Push.

    def answer_push(self, content_type: str | None, authorization: str | None, body: bytes) -> Answer:
        """Return the answer to a pushed token (RFC 8935 section 2), for any framework: 202, 400 with `err`, 401 or 503."""
        if not self._is_pusher(authorization):
            return _refusal(SetRefused("authentication_failed", "another Authorization header"), status=401)
        if (content_type or "").partition(";")[0].strip().lower() != _MEDIA_TYPE:
            return _refusal(SetRefused("invalid_request", f"the content type must be {_MEDIA_TYPE}"))
        try:
            self.take(body.strip())
        except SetRefused as refusal:
            return _refusal(refusal)
        except SignalsUnavailable:
            return Answer(503, (("retry-after", "5"), ("content-length", "0")), b"")
        return Answer(202, (("content-length", "0"),), b"")

    def _is_pusher(self, authorization: str | None) -> bool:
        wanted = self._authorization
        return wanted is None or hmac.compare_digest((authorization or "").encode("latin-1", "replace"), wanted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one push, as an ASGI application."""
        if scope["type"] != "http":
            return
        answer = await self._answer(scope, receive)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        if scope["method"] != "POST":
            return Answer(405, (("allow", "POST"), ("content-length", "0")), b"")
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return Answer(400, (), b"")
            body += message.get("body", b"")
            if len(body) > MAX_SET_BYTES:
                return _refusal(SetRefused("invalid_request", "the body is too long"))
            if not message.get("more_body"):
                break
        content_type, authorization = headers.get(b"content-type"), headers.get(b"authorization")
        return await asyncio.to_thread(self.answer_push, content_type, authorization, body)


class SignalPoller:
    """Fetches a stream's tokens and acknowledges each when it is taken (RFC 8936). Nothing is lost by a restart: what was not
    acknowledged comes again.

    Args:
        url: `delivery.endpoint_url` of the stream.
        authorization: the header that the transmitter wants, such as `Basic …`.
        insecure_http: allow plain http to hosts that are not loopback.
    """

    def __init__(
        self,
        signals: Signals,
        url: str,
        *,
        authorization: str | None = None,
        insecure_http: bool = False,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self._signals, self._url, self._authorization = signals, url, authorization
        self._insecure_http, self._tls_context = insecure_http, tls_context
        self._taken: list[str] = []
        self._refused: dict[str, dict[str, str]] = {}
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self.last_failure: str | None = None

    def poll(self, *, wait: bool = False) -> int:
        """Ask once, take what comes, and acknowledge it; return how many tokens came.

        Args:
            wait: let the transmitter wait for news.

        Raises:
            FetchFailed: no usable answer.
        """
        sets = self._ask(wait=wait, most=None)
        for jti, token in sets.items():
            try:
                self._signals.take(token)
            except SetRefused as refusal:
                self._refused[jti] = {"err": refusal.code, "description": "refused"}
            except SignalsUnavailable:
                continue  # not acknowledged: it comes again
            else:
                self._taken.append(jti)
        if self._taken or self._refused:
            self._ask(wait=False, most=0)
        return len(sets)

    async def apoll(self, *, wait: bool = False) -> int:
        """Like `poll`, without blocking the event loop."""
        return await asyncio.to_thread(self.poll, wait=wait)

    def start(self) -> None:
        """Go on polling in the background, waiting for news; returns at once."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="resource-server-signals", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop; a question under way is left to end by its own time limit."""
        self._closed.set()

    def _run(self) -> None:
        pause = _FIRST_RETRY
        while not self._closed.is_set():
            try:
                came = self.poll(wait=True)
            except FetchFailed as failure:
                self.last_failure = str(failure)
                self._closed.wait(pause)
                pause = min(2 * pause, _LAST_RETRY)
            else:
                self.last_failure, pause = None, _FIRST_RETRY
                if came == 0:
                    self._closed.wait(_FIRST_RETRY)  # a transmitter that does not wait is not asked without a pause

    def _ask(self, *, wait: bool, most: int | None) -> Mapping[str, str]:
        taken, refused = tuple(self._taken), dict(self._refused)
        asked: dict[str, object] = {"ack": taken, "setErrs": refused, "returnImmediately": not wait}
        if most is not None:
            asked["maxEvents"] = most
        body = post(
            self._url,
            json.dumps(asked).encode("ascii"),
            "application/json",
            authorization=self._authorization,
            insecure_http=self._insecure_http,
            tls_context=self._tls_context,
            total_seconds=POLL_SECONDS,
            max_bytes=_MAX_POLL_BYTES,
        )
        # Acknowledged: the transmitter answered.
        self._taken = self._taken[len(taken) :]
        self._refused = {jti: error for jti, error in self._refused.items() if jti not in refused}
        try:
            sets = parse_object(body).get("sets", {})
        except ValueError as error:
            raise FetchFailed(f"not a poll's answer: {error}") from error
        if not isinstance(sets, Mapping) or not all(isinstance(token, str) for token in sets.values()):
            raise FetchFailed("not a poll's answer: no `sets`")
        return sets


def _refusal(refusal: SetRefused, status: int = 400) -> Answer:
    """Spell a refusal (RFC 8935 section 2.3). What the token said is not repeated."""
    body = json.dumps({"err": refusal.code, "description": _DESCRIPTIONS.get(refusal.code, "refused")}).encode("ascii")
    headers = (("content-type", "application/json"), ("content-language", "en"), ("content-length", str(len(body))))
    return Answer(status, headers, body)


_DESCRIPTIONS: Final = {
    "invalid_request": "not a security event token that can be read here",
    "invalid_key": "not signed with a key of the issuer that counts here",
    "invalid_issuer": "the issuer is not trusted here",
    "invalid_audience": "the token is for somebody else",
    "authentication_failed": "the sender or the signature did not prove itself",
}
