"""What an account says of its person: set by an operator, told by scopes (OpenID Connect Core section 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.protocol.user_claims import fault
from auth_server.store.account_claims import AccountClaims
from auth_server.store.transaction import Transaction


class ClaimsRefused(ValueError):
    """They make no sense; the text says why and may be shown."""


def change_claims(
    tx: Transaction,
    sub: str,
    *,
    claims: Mapping[str, Any | None],
    groups: Sequence[str] | None = None,
    actor: str = "operator",
) -> AccountClaims:
    """Change what is known of a person, in the caller's transaction; return what is known now.

    Args:
        claims: by name; None takes one away, the others stay.
        groups: all groups the person is in; None leaves them.

    Raises:
        ClaimsRefused: a name or a value that makes no sense.
    """
    tx.accounts.lock(sub)
    known = tx.account_claims.find(sub)
    together = {name: value for name, value in (known.claims | dict(claims)).items() if value is not None}
    members = known.groups if groups is None else tuple(groups)
    if (wrong := fault(together, members)) is not None:
        raise ClaimsRefused(wrong)
    tx.account_claims.set(sub, together, members)
    record(tx, EventName.PROFILE_CHANGED, actor=actor, sub=sub)
    return tx.account_claims.find(sub)
