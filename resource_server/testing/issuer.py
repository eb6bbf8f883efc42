"""A running issuer, as a test holds it: tokens, sign-ins, faults on command."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from types import EllipsisType, TracebackType
from typing import Any, Final, Self

from resource_server.guard import Guard
from resource_server.testing.contract import ENTRY_POINT, Backend, NeedsAuthServer, Resources, Start
from resource_server.testing.front import RUBBISH, Front
from resource_server.testing.key_only import KeyOnlyIssuer
from shared import jose

DEFAULT_RESOURCES: Final[Resources] = {"http://localhost:8001": ("notes:read", "notes:write")}
# The shortest that makes sense: the kit lets at least a second lie between two fetches.
_REFRESH_SECONDS: Final = 1.0


class RunningIssuer:
    """An issuer on a port of this machine; a context manager.

    Attributes:
        url: its address, which is the `iss` of its tokens.
        audience: the first of its resources: what `token` and `sign_in` are for unless told otherwise.
        is_real: whether this is the auth server itself; else it is the key-only stand-in.
        asked: every request it was asked, such as `GET /.well-known/jwks.json`.
    """

    def __init__(self, front: Front, backend: Backend, resources: Resources, *, is_real: bool) -> None:
        self.url: Final = front.url
        self.audience: Final = next(iter(resources))
        self.is_real: Final = is_real
        self.asked: Final = front.asked
        self._front, self._backend = front, backend

    # Tokens.

    def token(
        self,
        *,
        scope: str | None = None,
        roles: Sequence[str] | None = None,
        permissions: Sequence[str] | None = None,
        expires_in: int = 600,
        issued_ago: int = 0,
        typ: str = jose.ACCESS_TOKEN_TYPE,
        **claims: object,
    ) -> str:
        """Return a token that the issuer signed just now, with any claims at all; a claim that is `...` is left out.

        Args:
            permissions: become the claim `entitlements` (RFC 9068 section 2.2.3.1).
            expires_in: seconds from now; negative for a token that is over.
            issued_ago: seconds before now at which it says it was issued.
        """
        now = self._backend.now()
        good: dict[str, object | EllipsisType] = {
            "iss": self.url,
            "sub": "alice",
            "aud": self.audience,
            "exp": now + expires_in,
            "iat": now - issued_ago if expires_in > -issued_ago else now + expires_in - 600,
            "jti": uuid.uuid4().hex,
            "client_id": "app",
            "scope": ... if scope is None else scope,
            "roles": ... if roles is None else list(roles),
            "entitlements": ... if permissions is None else list(permissions),
            **claims,
        }
        return self._backend.mint({name: value for name, value in good.items() if value is not ...}, typ)

    def sign_in(
        self,
        username: str = "alice",
        password: str | None = None,
        *,
        roles: Sequence[str] | Mapping[str, Sequence[str]] = (),
        scope: str | None = None,
        resource: str | None = None,
    ) -> dict[str, Any]:
        """Sign a person in through `POST /api/login` and return the token response. The person and the roles are made if need be.

        Args:
            roles: names, or names with the permissions that each carries. The issuer shows an API only the roles that carry a permission
                which the API has a word for, such as the name of one of its scopes.

        Raises:
            NeedsAuthServer: only the real issuer knows people.
        """
        made = roles if isinstance(roles, Mapping) else dict.fromkeys(roles, ())
        return dict(self._backend.sign_in(username, password, roles=made, resource=resource or self.audience, scope=scope))

    def guard(self, **options: Any) -> Guard:
        """Return a guard that trusts this issuer, asks it for news every second, and takes its first audience."""
        return Guard(**{"issuer": self.url, "audience": self.audience, "jwks_refresh": _REFRESH_SECONDS, **options})

    # What happens to keys and tokens.

    def rotate(self) -> str:
        """Let the standby, which was published since the start, sign from now on; return its kid. No valid token is refused by this."""
        return self._backend.rotate()

    def burn(self, kid: str | None = None) -> str:
        """Burn a key, by default the one that signs; return its kid. A guard knows after its next refresh."""
        return self._backend.burn(kid)

    def revoke(
        self,
        *,
        sub: str | None = None,
        sid: str | None = None,
        grant_id: str | None = None,
        client_id: str | None = None,
        jti: str | None = None,
    ) -> None:
        """Put an entry on the issuer's revocation feed for each that is given.

        Raises:
            NeedsAuthServer: only the real issuer has a feed.
        """
        given = {"sub": sub, "sid": sid, "grant_id": grant_id, "client_id": client_id, "jti": jti}
        for kind, key in given.items():
            if key is not None:
                self._backend.revoke(kind, key)

    # Faults. Each stays until `come_back`.

    def skew(self, seconds: float) -> None:
        """Put the issuer's clock ahead of this machine's, or behind it."""
        self._backend.skew(seconds)

    def stall(self) -> None:
        """Take requests and answer none."""
        self._front.stall()

    def go_dark(self) -> None:
        """Close every connection without a word."""
        self._front.go_dark()

    def answer_rubbish(self, body: bytes = RUBBISH, status: int = 200) -> None:
        """Answer everything with something that is no answer, as a broken proxy does."""
        self._front.answer_rubbish(body, status)

    def come_back(self) -> None:
        """Be well again: no fault, and the clock right."""
        self._front.come_back()
        self._backend.skew(0)

    # Living.

    def close(self) -> None:
        """End."""
        self._front.close()
        self._backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def start_issuer(resources: Resources = DEFAULT_RESOURCES, *, real: bool | None = None) -> RunningIssuer:
    """Start an issuer on a free port of this machine.

    Args:
        resources: identifiers of APIs, with the scopes that each offers.
        real: None takes the auth server if it is installed, else the key-only stand-in; True insists, False takes the stand-in.

    Raises:
        NeedsAuthServer: the real one was insisted on and is not installed.
        ValueError: there is no resource.
    """
    if not resources:
        raise ValueError("an issuer without a resource has nobody to make tokens for")
    start = None if real is False else find_real()
    if real and start is None:
        raise NeedsAuthServer(f"no installed distribution has the entry point {ENTRY_POINT}")
    front = Front()
    try:
        backend = (start or KeyOnlyIssuer)(front.url, resources)
    except BaseException:
        front.close()
        raise
    front.answering = backend.answer
    return RunningIssuer(front, backend, resources, is_real=start is not None)


def find_real() -> Start | None:
    """Return how to start the real issuer, if the auth server's distribution is installed."""
    found = next(iter(entry_points(group=ENTRY_POINT)), None)
    return None if found is None else found.load()
