"""revocation_feed_endpoint: what is dead before its time, signed, by cursor, with long polling."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from auth_server.client_auth.authenticate import Authenticator
from auth_server.client_auth.contract import Presented
from auth_server.endpoints.contract import Endpoint
from auth_server.protocol.errors import InvalidRequest, UnauthorizedClient
from auth_server.protocol.form import Form
from auth_server.revocation.pages import read_page
from auth_server.revocation.watch import FeedState, FeedWatch
from auth_server.store.store import Store
from auth_server.tokens.issuer import Signer
from auth_server.web.door import Cors
from auth_server.web.request import Request
from auth_server.web.responses import Headers, Response, unavailable
from shared import jose, well_known
from shared.revocation import ALGORITHMS_MEMBER, ENDPOINT_MEMBER, LONGEST_WAIT

# A page says when it was signed, and a reader refuses one that is old: so a page is signed anew after this long.
_REUSED_SECONDS: Final = 5.0
_MAX_REMEMBERED: Final = 64
# Pages that nobody waited for and nobody had asked for yet: each costs a query and a signature, and strangers may ask.
_PER_SECOND: Final = 50.0
_BURST: Final = 100.0
_MAX_DIGITS: Final = 15
_CONTENT_TYPE: Final = b"application/" + jose.REVOCATION_FEED_TYPE.encode("ascii")


@dataclass(frozen=True, slots=True)
class _Question:
    """What a reader asks: everything after a number (None: everything), waiting if there is nothing yet."""

    after: int | None
    wait: int
    alg: str
    key_epoch: int | None

    @classmethod
    def parse(cls, query: bytes, algorithms: tuple[str, ...]) -> _Question:
        """Read the query.

        Raises:
            InvalidRequest: a parameter is malformed or repeated, or an algorithm that is not signed with here.
        """
        form = Form.parse(query)
        alg = form.optional("alg") or algorithms[0]
        if alg not in algorithms:
            raise InvalidRequest(f"alg must be one of {', '.join(algorithms)}")
        after, wait, epoch = (_number(form, name) for name in ("after", "wait", "key_epoch"))
        return cls(after, min(wait or 0, LONGEST_WAIT), alg, epoch)

    def is_answered_by(self, state: FeedState) -> bool:
        """Say whether there is something that the reader does not know."""
        return self.after != state.head or self.key_epoch not in (None, state.key_epoch)


@dataclass(frozen=True, slots=True)
class _Page:
    state: FeedState
    made_at: float
    response: Response


class ForResources:
    """Admits confidential clients that are registered for a resource, and nobody else."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def __call__(self, request: Request) -> None:
        """Refuse everybody else.

        Raises:
            InvalidClient: nobody we know.
            UnauthorizedClient: registered for no resource.
        """
        client = await self._authenticator.authenticate(Presented.of(request, Form({})))
        if client.is_public or not client.introspects:
            raise UnauthorizedClient("this client is registered for no resource")


class RevocationFeedEndpoint(Endpoint):
    """`GET /revocation-feed?after=N&wait=10`.

    Args of the constructor: `admit` refuses who may not read it; None lets anybody.

    One answer is read and signed once for everybody who waits for it. Whoever waits holds no worker and no connection to the database.
    """

    path = well_known.REVOCATION_FEED
    methods = ("GET",)
    cors = Cors.ANYBODY

    def __init__(
        self,
        *,
        watch: FeedWatch,
        store: Store,
        signer: Signer,
        issuer: str,
        algorithms: tuple[str, ...],
        admit: Callable[[Request], Awaitable[None]] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watch = watch
        self._store = store
        self._signer = signer
        self._issuer = issuer
        self._algorithms = algorithms
        self._admit = admit
        self._monotonic = monotonic
        self._pages: dict[tuple[int | None, str], _Page] = {}
        self._making: dict[tuple[int | None, str], asyncio.Task[_Page]] = {}
        self._budget, self._counted_at = _BURST, monotonic()

    def metadata(self, issuer: str) -> dict[str, object]:
        """Say where it is, and what its answers may be signed with."""
        return {ENDPOINT_MEMBER: issuer + self.path, ALGORITHMS_MEMBER: list(self._algorithms)}

    async def answer(self, request: Request) -> Response:
        """Answer a reader: at once when there is news for it, else when there is, or when its wait is over."""
        if self._admit is not None:
            await self._admit(request)
        asked = _Question.parse(request.query, self._algorithms)
        state = await self._watch.state()
        known = request.header(b"if-none-match")
        waits = asked.wait > 0 and not asked.is_answered_by(state) and (known is None or _etag(asked, state) in known)
        if waits:
            state = await self._watch.wait(state, asked.wait, request.gone)
        if known is not None and _etag(asked, state) in known:
            return Response(304, headers=_headers(asked, state))
        page = self._remembered(asked, state) or await self._made(asked, state, is_free=waits)
        return unavailable() if page is None else page.response

    def _remembered(self, asked: _Question, state: FeedState) -> _Page | None:
        page = self._pages.get((asked.after, asked.alg))
        is_current = page is not None and page.state == state and self._monotonic() - page.made_at < _REUSED_SECONDS
        return page if is_current else None

    async def _made(self, asked: _Question, state: FeedState, *, is_free: bool) -> _Page | None:
        key = (asked.after, asked.alg)
        making = self._making.get(key)
        if making is None:
            # What readers waited for is one page for all of them; anything else is made within a budget.
            if not is_free and not self._spend():
                return None
            making = self._making[key] = asyncio.create_task(self._make(asked, state))
            making.add_done_callback(lambda _: self._making.pop(key, None))
        # The others must not lose the page when the one who asked first goes away.
        return await asyncio.shield(making)

    async def _make(self, asked: _Question, state: FeedState) -> _Page:
        page = await self._store.read(lambda tx: read_page(tx, asked.after, self._store.clock.now()))
        body = await self._signer.sign_at(
            lambda now: page.to_claims(issuer=self._issuer, issued_at=now, key_epoch=state.key_epoch),
            jose.REVOCATION_FEED_TYPE,
            asked.alg,
        )
        headers = (*_headers(asked, state), (b"content-type", _CONTENT_TYPE))
        made = _Page(state, self._monotonic(), Response(200, body.encode("ascii"), headers))
        if len(self._pages) >= _MAX_REMEMBERED:
            del self._pages[next(iter(self._pages))]
        self._pages[asked.after, asked.alg] = made
        return made

    def _spend(self) -> bool:
        now = self._monotonic()
        self._budget = min(_BURST, self._budget + (now - self._counted_at) * _PER_SECOND)
        self._counted_at = now
        if self._budget < 1:
            return False
        self._budget -= 1
        return True


def _number(form: Form, name: str) -> int | None:
    text = form.optional(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise InvalidRequest(f"{name} must be a whole number")
    return int(text)


def _etag(asked: _Question, state: FeedState) -> bytes:
    return f'"{asked.after}-{state.head}-{state.key_epoch}-{asked.alg}"'.encode("ascii")


def _headers(asked: _Question, state: FeedState) -> Headers:
    return ((b"cache-control", b"no-store"), (b"etag", _etag(asked, state)))
