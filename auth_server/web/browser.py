"""What a browser holds of us: the session cookie, and the cookie that ties authorization requests to it. Digests alone are stored.

One session cookie stands for all accounts that are signed in in a browser. It is exchanged at every sign-in, step-up and sign-out, so
a value that somebody planted or copied before opens nothing afterwards.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Final

from auth_server.web.cookies import CookieJar
from auth_server.web.request import Request

SESSION_COOKIE: Final = "session"
INTERACTION_COOKIE: Final = "interaction"
_BYTES: Final = 32
_OURS: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def digest(cookie: str) -> bytes:
    """Return what is stored of a cookie's value."""
    return hashlib.sha256(cookie.encode("ascii")).digest()


def fresh() -> str:
    """Return a new value: 256 random bits."""
    return secrets.token_urlsafe(_BYTES)


@dataclass(frozen=True, slots=True)
class CookieChange:
    """A browser's session cookie before (None when it had none) and after; `new` is to be set by the answer to a committed change."""

    old: str | None = field(repr=False)
    new: str = field(repr=False)

    @classmethod
    def of(cls, old: str | None) -> CookieChange:
        """Return a change to a fresh value."""
        return cls(old, fresh())

    @property
    def old_digest(self) -> bytes | None:
        """Return the digest of the value before."""
        return None if self.old is None else digest(self.old)

    @property
    def new_digest(self) -> bytes:
        """Return the digest of the value after."""
        return digest(self.new)


@dataclass(frozen=True, slots=True)
class Browser:
    """The cookies a browser sent; None for one that it did not send, or that cannot be ours."""

    session: str | None = field(repr=False, default=None)
    interaction: str | None = field(repr=False, default=None)

    @classmethod
    def of(cls, request: Request, jar: CookieJar) -> Browser:
        """Read a request's cookies."""
        return cls(_ours(request.cookie(jar.name(SESSION_COOKIE))), _ours(request.cookie(jar.name(INTERACTION_COOKIE))))


def _ours(value: str | None) -> str | None:
    return value if value is not None and _OURS.fullmatch(value) else None
