"""What `doctor` finds at the issuer's revocation feed: one page, asked for and verified as a guard does it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from resource_server.diagnosis.report import Check, State
from resource_server.jwks.discovery import Metadata
from resource_server.jwks.fetcher import Answer, FetchFailed
from resource_server.settings import Settings
from resource_server.verifier.feed_page import BadPage, verify_page
from resource_server.verifier.key_set import KeySet
from resource_server.verifier.revoked import Revoked
from shared.revocation import MAX_PAGE_BYTES

_TODO: Final = (
    "Without the feed a revoked token is taken until it expires, or refused with 503, as RESOURCE_SERVER_SILENT_FEED says."
)
_WANTED: Final = "a page of the revocation feed, signed by the issuer"


def check_feed(settings: Settings, metadata: Metadata, key_set: KeySet, ask: Callable[..., Answer]) -> Check:
    """Return what became of asking for the first page.

    Args:
        ask: `fetch` with everything but the address and the most bytes filled in.
    """
    address = metadata.feed
    if address is None:
        return Check("feed", State.PASSED, got="the issuer has none: a revoked token is taken until it expires")
    fitting = [name for name in address.algorithms if name in settings.algorithms]
    if not fitting:
        got = f"signed with {', '.join(address.algorithms)}"
        return Check("feed", State.FAILED, got, _WANTED, "RESOURCE_SERVER_ALGORITHMS", None, _TODO)
    url = (
        address.url
        if fitting[0] == address.algorithms[0]
        else f"{address.url}{'&' if '?' in address.url else '?'}alg={fitting[0]}"
    )
    try:
        body = ask(url, max_bytes=MAX_PAGE_BYTES).body or b""
        page = verify_page(body, key_set, Revoked(), issuer=settings.issuer, leeway=settings.leeway, now=time.time())
    except (FetchFailed, BadPage) as error:
        # A page that came from there, and is no good, is not mended by another address.
        setting = "RESOURCE_SERVER_METADATA_URL" if isinstance(error, FetchFailed) else None
        return Check("feed", State.FAILED, f"{address.url}: {error}", _WANTED, setting, None, _TODO)
    return Check("feed", State.PASSED, got=f"living entries: {len(page.entries)}, up to number {page.last}")
