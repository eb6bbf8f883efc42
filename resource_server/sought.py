"""A token whose key is not at hand: what stands between the first look at it and its caller is one fetch of its issuer's keys."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from resource_server.principal import Principal, principal_of
from resource_server.trusted_issuer import TrustedIssuer
from resource_server.trusted_issuers import TrustedIssuers
from resource_server.verifier.errors import TokenRefused


class Sought:
    """Await it, or `wait` for it, to get the caller: at most a second. Either looks for the key once and judges the token once more.

    Args:
        issuers: notes whose the token is, once it is verified.
        issuer: whose keys are asked for.
        key_id: the `kid` that is sought.
        digest: SHA-256 of `compact`; empty where nothing is remembered.
        resource_metadata: where a refusal says that this API describes itself.
    """

    __slots__ = ("_compact", "_digest", "_issuer", "_issuers", "_key_id", "_resource_metadata")

    def __init__(
        self,
        issuers: TrustedIssuers,
        issuer: TrustedIssuer,
        key_id: str,
        compact: bytes,
        digest: bytes,
        resource_metadata: str | None,
    ) -> None:
        self._issuers, self._issuer, self._key_id = issuers, issuer, key_id
        self._compact, self._digest, self._resource_metadata = compact, digest, resource_metadata

    def wait(self) -> Principal:
        """Return the caller; blocks the thread.

        Raises:
            TokenRefused: why not.
        """
        try:
            self._issuer.keys.seek(self._key_id)
            return self._judge()
        except TokenRefused as refusal:
            refusal.resource_metadata = self._resource_metadata
            raise

    def __await__(self) -> Generator[Any, None, Principal]:
        """Like `wait`, without blocking the event loop."""
        return self._found().__await__()

    async def _found(self) -> Principal:
        try:
            await self._issuer.keys.aseek(self._key_id)
            return self._judge()
        except TokenRefused as refusal:
            refusal.resource_metadata = self._resource_metadata
            raise

    def _judge(self) -> Principal:
        verified = self._issuer.judge(self._compact, self._digest)
        self._issuers.remember(self._digest, self._issuer)
        return principal_of(verified, self._compact)
