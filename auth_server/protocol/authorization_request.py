"""An authorization request that was checked: what it asks for, in the specification's words (RFC 6749 section 4.1.1).

Only `check` makes one, from parameters and the client they name; it then waits, as text, until the person is through.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final

from auth_server.protocol import claims_request
from auth_server.protocol.claims_request import ClaimsRequest
from auth_server.protocol.scope import OPENID


class ResponseMode(StrEnum):
    """How the answer travels (OAuth 2.0 Multiple Response Types, OAuth 2.0 Form Post Response Mode)."""

    QUERY = "query"
    FORM_POST = "form_post"


class Prompt(StrEnum):
    """What the person must be asked, or must not be (OpenID Connect Core section 3.1.2.1)."""

    NONE = "none"
    LOGIN = "login"
    CONSENT = "consent"
    SELECT_ACCOUNT = "select_account"


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A checked request.

    `resource` is the identifier of the resource the token will be for, None for a sign-in alone; `resource_sent` says that the client
    named it. `scope` is what was asked, cut to what the client may have; None when nothing was asked. `hinted_subject` is the `sub` of
    a genuine `id_token_hint`, as that client knows it. `max_age` in seconds.
    """

    client_id: str
    redirect_uri: str
    redirect_uri_sent: bool = True
    response_mode: str = ResponseMode.QUERY
    state: str | None = field(default=None, repr=False)
    scope: frozenset[str] | None = None
    resource: str | None = None
    resource_sent: bool = False
    code_challenge: str | None = field(default=None, repr=False)
    nonce: str | None = field(default=None, repr=False)
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    login_hint: str | None = field(default=None, repr=False)
    hinted_subject: str | None = None
    acr_values: tuple[str, ...] = ()
    ui_locales: tuple[str, ...] = ()
    claims_text: str | None = field(default=None, repr=False)

    @property
    def is_openid(self) -> bool:
        """Say whether somebody is to be signed in, rather than an API opened alone."""
        return self.scope is not None and OPENID in self.scope

    @property
    def claims(self) -> ClaimsRequest:
        """Return the `claims` parameter."""
        return claims_request.parse(self.claims_text)

    @property
    def is_silent(self) -> bool:
        """Say whether no page may be shown."""
        return Prompt.NONE in self.prompt

    def to_text(self) -> str:
        """Return the form in which it waits."""
        return json.dumps({f.name: _plain(getattr(self, f.name)) for f in fields(self)}, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> AuthorizationRequest:
        """Read what `to_text` wrote."""
        members: dict[str, Any] = json.loads(text)
        for name in _SETS:
            members[name] = None if members[name] is None else frozenset(members[name])
        for name in _TUPLES:
            members[name] = tuple(members[name])
        return cls(**members)


_SETS: Final = ("scope", "prompt")
_TUPLES: Final = ("acr_values", "ui_locales")


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value
