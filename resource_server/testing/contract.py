"""What an issuer for tests must do: the real one behind the entry point `sealwright.test_issuer`, or the key-only stand-in.

The entry point names a callable `start(url, resources)`. Both sides know this contract, and neither imports the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

ENTRY_POINT: Final = "sealwright.test_issuer"

Headers = Sequence[tuple[str, str]]
# Resource identifiers with the scopes that each offers.
Resources = Mapping[str, Sequence[str]]


class NeedsAuthServer(Exception):
    """Asked of the key-only stand-in: signing in, revoking and the like need the real issuer, which is not installed."""


class Backend(Protocol):
    """An issuer without a listener: requests come in as values. Every method may be called from any thread."""

    def answer(self, method: str, target: str, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
        """Answer one HTTP request; `target` is path and query."""

    def now(self) -> int:
        """Return the issuer's own time, in whole seconds since the epoch."""

    def skew(self, seconds: float) -> None:
        """Put the issuer's clock so many seconds ahead of this machine's (negative: behind)."""

    def mint(self, claims: Mapping[str, object], typ: str) -> str:
        """Sign claims, whatever they are, with the key that signs now."""

    def rotate(self) -> str:
        """Let the standby, which was published long ago, sign from now on; return its kid."""

    def burn(self, kid: str | None) -> str:
        """Burn a key (None: the one that signs); return its kid."""

    def revoke(self, kind: str, key: str) -> None:
        """End tokens: kind is `sub`, `sid`, `grant_id`, `client_id` or `jti`."""

    def sign_in(
        self,
        username: str,
        password: str | None,
        *,
        roles: Mapping[str, Sequence[str]],
        resource: str,
        scope: str | None,
    ) -> Mapping[str, object]:
        """Make the person and the roles (name to permissions) if need be, sign in, and return the token response."""

    def close(self) -> None:
        """End."""


class Start(Protocol):
    """What the entry point names."""

    def __call__(self, url: str, resources: Resources) -> Backend: ...
