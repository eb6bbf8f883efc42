"""What people see and change of their own account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.languages.catalogue import LANGUAGES
from auth_server.protocol.errors import ApiError
from auth_server.store.accounts import Account
from auth_server.store.transaction import Transaction
from auth_server.web.request_facts import RequestFacts

LOCALE = "locale"


@dataclass(frozen=True, slots=True)
class Profile:
    """An account with the language that its owner chose; None when they chose none."""

    account: Account
    locale: str | None


def read_profile(tx: Transaction, sub: str) -> Profile | None:
    """Return a profile; None when there is no such account, or it is disabled."""
    account = tx.accounts.find(sub)
    if account is None or account.is_disabled:
        return None
    locale = tx.account_claims.find(sub).claims.get(LOCALE)
    return Profile(account, locale if isinstance(locale, str) else None)


def set_locale(tx: Transaction, sub: str, locale: str | None, facts: RequestFacts | None) -> None:
    """Choose the language of pages and letters; None leaves it to the browser.

    Raises:
        ApiError: 422 `invalid_locale`; there is no such language here.
    """
    if locale is not None and locale not in LANGUAGES:
        raise ApiError(422, "invalid_locale", f"There is no such language here: choose one of {', '.join(LANGUAGES)}.")
    tx.accounts.lock(sub)
    known = tx.account_claims.find(sub)
    claims: dict[str, Any] = {name: value for name, value in known.claims.items() if name != LOCALE}
    if locale is not None:
        claims[LOCALE] = locale
    tx.account_claims.set(sub, claims, known.groups)
    record(tx, EventName.PROFILE_CHANGED, facts=facts, sub=sub)
