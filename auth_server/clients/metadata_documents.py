"""Clients whose client_id is the https URL of a document about themselves (client ID metadata documents).

Nothing is registered: the document is fetched when somebody names it, under the rules of `outbound/`, and remembered there. That whoever
controls the URL wrote it is all that is known of the client, so it is unverified, and consent says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final
from urllib.parse import urlsplit

from auth_server.clients.proof_metadata import PRIVATE_KEY_JWT
from auth_server.clients.self_description import Offer, read_description
from auth_server.outbound.addresses import url_fault
from auth_server.outbound.fetch import Outbound
from auth_server.protocol.client import Client
from auth_server.protocol.errors import InvalidClientMetadata, InvalidRedirectUri
from auth_server.protocol.resource import Resource

# There is nothing that both sides could know and nobody else: a document is read by everybody.
_METHODS: Final = frozenset({"none", PRIVATE_KEY_JWT})


class MetadataDocuments:
    """Finds clients behind URLs."""

    def __init__(
        self,
        *,
        outbound: Outbound,
        resources: Callable[[], Awaitable[Mapping[str, Resource]]],
        algorithms: Collection[str],
    ) -> None:
        self._outbound = outbound
        self._resources = resources
        self._algorithms = algorithms

    async def find(self, client_id: str) -> Client | None:
        """Return the client that a URL describes; None when it is no such URL, or what is there describes no client.

        Raises:
            StoreUnavailable: what resources there are could not be read.
        """
        if not is_document_url(client_id):
            return None
        document = (await self._outbound.document(client_id, for_stranger=True)).document
        # The document must say of itself whose it is, to the letter: or a host that shows other people's files would speak for them.
        if document is None or document.get("client_id") != client_id:
            return None
        if "client_secret" in document or "client_secret_expires_at" in document:
            return None
        resources = await self._resources()
        offer = Offer(frozenset().union(*(resource.scopes for resource in resources.values())), self._algorithms)
        try:
            return read_description(document, client_id, offer, methods=_METHODS, method="none")
        except (InvalidRedirectUri, InvalidClientMetadata):
            return None


def is_document_url(client_id: str) -> bool:
    """Say whether a client_id can be the URL of a metadata document: https, with a path, spelt in one way only."""
    if not client_id.startswith("https://") or url_fault(client_id) is not None:
        return False
    parts = urlsplit(client_id)
    segments = parts.path.split("/")
    has_dots = any(segment.lower().replace("%2e", ".") in (".", "..") for segment in segments)
    return len(parts.path) > 1 and not has_dots and parts.port is None and parts.netloc == parts.netloc.lower()
