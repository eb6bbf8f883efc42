"""Token status lists (draft-ietf-oauth-status-list-21 section 8): which tokens of a list are revoked, signed, for anybody."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from auth_server.endpoints.contract import Endpoint
from auth_server.store.status_lists import LIST_INDEXES
from auth_server.store.store import Store
from auth_server.tokens.issuer import Signer
from auth_server.tokens.statuses import uri_of
from auth_server.web.door import Cors
from auth_server.web.request import Request
from auth_server.web.responses import Response, json_response
from shared import base64url
from shared.key_policy import KeyPolicy
from shared.status_list import PATH, STATUS_LIST, STATUS_LIST_TYPE, encode

# How long a list is answered without a look at what was revoked meanwhile.
REUSED_SECONDS: Final = 5.0
_MAX_REMEMBERED: Final = 64
_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}")
_CONTENT_TYPE: Final = b"application/" + STATUS_LIST_TYPE.encode("ascii")


@dataclass(frozen=True, slots=True)
class _Made:
    """A signed list: what it says (`lst`), when that was looked up, and when and under which epoch of the keys it was signed."""

    lst: str
    key_epoch: int
    looked_at: float
    signed_at: float
    body: bytes
    etag: bytes


class StatusListEndpoint(Endpoint):
    """`GET /status-lists/{id}`. A list is read and signed once for everybody who asks in the same few seconds.

    Args of the constructor: `ttl` is how long others may keep a list, seconds; `key_epoch` the epoch of the published keys, so that
    nothing goes out under a key that was burned.
    """

    path = f"{PATH}/{{id}}"
    methods = ("GET",)
    cors = Cors.ANYBODY

    def __init__(
        self,
        *,
        store: Store,
        signer: Signer,
        issuer: str,
        policy: KeyPolicy,
        ttl: int,
        key_epoch: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._signer = signer
        self._issuer = issuer
        # By then every token that the list can speak of has expired.
        self._lifetime = max(ttl, int(policy.access_token_lifetime + policy.leeway) + 1)
        self._ttl = ttl
        self._key_epoch = key_epoch
        self._monotonic = monotonic
        self._made: dict[str, _Made] = {}
        self._making: dict[str, asyncio.Task[_Made | None]] = {}

    async def answer(self, request: Request) -> Response:
        """Answer with the list, with 304 when the caller has it, or with 404 when there is none, or none any more."""
        list_id = request.path_parameter("id")
        made = await self._list(list_id) if _ID.fullmatch(list_id) else None
        if made is None:
            refusal = {
                "error": "not_found",
                "error_description": "there is no such status list, or every token in it has expired",
            }
            return json_response(refusal, status=404, outcome="not_found")
        headers = ((b"cache-control", b"public, max-age=%d" % self._ttl), (b"etag", made.etag))
        known = request.header(b"if-none-match")
        if known is not None and made.etag in (part.strip().removeprefix(b"W/") for part in known.split(b",")):
            return Response(304, headers=headers)
        return Response(200, made.body, (*headers, (b"content-type", _CONTENT_TYPE)))

    async def _list(self, list_id: str) -> _Made | None:
        made = self._made.get(list_id)
        if made and self._monotonic() - made.looked_at < REUSED_SECONDS and made.key_epoch == self._key_epoch():
            return made
        making = self._making.get(list_id)
        if making is None:
            making = self._making[list_id] = asyncio.create_task(self._make(list_id, made))
            making.add_done_callback(lambda _: self._making.pop(list_id, None))
        # The others must not lose it when the one who asked first goes away.
        return await asyncio.shield(making)

    async def _make(self, list_id: str, before: _Made | None) -> _Made | None:
        looked_at, epoch = self._monotonic(), self._key_epoch()
        lst = await asyncio.to_thread(self._read, list_id)
        if lst is None:
            self._made.pop(list_id, None)
            return None
        signed_at, body = looked_at, b""
        if before and before.lst == lst and before.key_epoch == epoch and looked_at - before.signed_at < self._ttl:
            signed_at, body = before.signed_at, before.body
        else:
            body = (await self._signer.sign_at(lambda now: self._claims(list_id, lst, now), STATUS_LIST_TYPE)).encode("ascii")
        etag = b'"%s"' % base64url.encode(hashlib.sha256(body).digest()[:16]).encode("ascii")
        if list_id not in self._made and len(self._made) >= _MAX_REMEMBERED:
            del self._made[next(iter(self._made))]
        self._made[list_id] = made = _Made(lst, epoch, looked_at, signed_at, body, etag)
        return made

    def _read(self, list_id: str) -> str | None:
        # On a thread: a list of a million tokens takes a while to look through and to compress.
        revoked = self._store.read_blocking(lambda tx: tx.status_lists.revoked(list_id))
        return None if revoked is None else encode(revoked, LIST_INDEXES)

    def _claims(self, list_id: str, lst: str, now: int) -> dict[str, object]:
        return {
            "iss": self._issuer,
            "sub": uri_of(self._issuer, list_id),
            "iat": now,
            "exp": now + self._lifetime,
            "ttl": self._ttl,
            STATUS_LIST: {"bits": 1, "lst": lst},
        }
