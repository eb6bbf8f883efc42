"""After a restore: what was taken away since the backup is taken away again.

The restored database does not know of it. The journal of withdrawals does: each of its events that the database's audit log lacks was lost,
and what it took away ends once more, with its entries on the feed. Nothing is ever given back by this.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.audit.withdrawals import BEGAN, Withdrawal, WithdrawalJournal
from auth_server.revocation.feed import Feed
from auth_server.store.audit_events import AuditFilter
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from shared import base64url

_REASON: Final = "withdrawn_before_the_restore"
_ACTOR: Final = "restore"
# Events of one name about one person or client that are looked through for one of them.
_MOST_ALIKE: Final = 1000


@dataclass(frozen=True, slots=True)
class Reapplied:
    """What became of what was lost.

    Attributes:
        journal: whether there was a journal that reaches back to the backup. Otherwise every session and every token has ended.
        counts: how many lost events of each name were carried out again.
        without_password: accounts whose password was changed since the backup; the older one does not work either.
        rotate_again: clients whose secret was rotated since the backup; the older one works.
    """

    journal: bool
    counts: Mapping[str, int]
    without_password: tuple[str, ...] = ()
    rotate_again: tuple[str, ...] = ()


class Reapply:
    """Carries lost withdrawals out again; may be run again, and does nothing to a database that has lost none."""

    def __init__(self, *, store: Store, journal: WithdrawalJournal, feed: Feed) -> None:
        self._store = store
        self._journal = journal
        self._feed = feed
        self._ways: Mapping[str, Callable[[Transaction, Withdrawal], None]] = {
            EventName.ACCOUNT_DISABLED: self._disable_account,
            EventName.PASSWORD_CHANGED: self._forget_password,
            EventName.ACCOUNT_SECURED: self._forget_password,
            EventName.SESSION_ENDED: self._end_session,
            EventName.FAMILY_REVOKED: self._end_family,
            EventName.REFRESH_REUSED: self._end_family,
            EventName.CODE_REPLAYED: self._end_family,
            EventName.CONSENT_WITHDRAWN: self._withdraw_consent,
            EventName.CLIENT_DISABLED: self._disable_client,
            EventName.CLIENT_DELETED: self._disable_client,
            EventName.ROLE_REVOKED: self._take_role,
            EventName.ROLE_CHANGED: self._narrow_role,
            EventName.ROLE_DELETED: self._delete_role,
            EventName.REGISTRATION_TOKEN_REVOKED: self._end_registration_token,
            EventName.TOKEN_REVOKED: self._end_token,
        }

    async def carry_out(self) -> Reapplied:
        """Take everything away again, in one transaction.

        Raises:
            OSError: the journal is there and cannot be read.
            StoreUnavailable: the database did not answer; nothing was changed.
        """
        events = self._journal.read()
        return await self._store.run(lambda tx: self._carry_out(tx, events or ()))

    def _carry_out(self, tx: Transaction, events: Sequence[Withdrawal]) -> Reapplied:
        reaches = _reaches_back(tx, events)
        if not reaches:
            self._end_every_token(tx)
        lost = [event for event in events if event.name != BEGAN and not _is_known(tx, event)]
        enabled_at = {event.sub: event.at for event in lost if event.name == EventName.ACCOUNT_ENABLED}
        counts: dict[str, int] = {}
        for event in lost:
            way = self._ways.get(event.name)
            was_undone = event.name == EventName.ACCOUNT_DISABLED and enabled_at.get(event.sub, 0) > event.at
            if way is None or was_undone or _gives(event):
                continue
            way(tx, event)
            counts[event.name] = counts.get(event.name, 0) + 1
            # Under its own name, and saying which event it stands for: then it is not lost any more.
            detail: dict[str, str | int | bool] = {"reason": _REASON, "event": _name_of(event)}
            record(tx, EventName(event.name), actor=_ACTOR, sub=event.sub, client_id=event.client_id, detail=detail)
        if counts:
            tx.change_directory()
        without = _of(lost, "sub", EventName.PASSWORD_CHANGED, EventName.ACCOUNT_SECURED)
        return Reapplied(reaches, counts, without, _of(lost, "client_id", EventName.CLIENT_SECRET_ROTATED))

    def _end_every_token(self, tx: Transaction) -> None:
        # Which of them had ended is not known, so all of them have: a revoked refresh token would make new tokens.
        tx.sessions.end_everybody(_REASON)
        tx.refresh_tokens.revoke_all(_REASON)
        self._feed.revoke_all(tx)
        record(tx, EventName.TOKEN_REVOKED, actor=_ACTOR, detail={"reason": "restored without a journal", "every": True})

    def _disable_account(self, tx: Transaction, event: Withdrawal) -> None:
        if event.sub is not None:
            tx.accounts.disable(event.sub, _REASON)
            self._end_access(tx, event.sub)

    def _forget_password(self, tx: Transaction, event: Withdrawal) -> None:
        # The newer password is lost with the database, and the older one may be why it was changed.
        if event.sub is not None:
            tx.credentials.forget(event.sub)
            self._end_access(tx, event.sub)

    def _end_access(self, tx: Transaction, sub: str) -> None:
        tx.sessions.end_all(sub, _REASON)
        tx.refresh_tokens.revoke_of_subject(sub, _REASON)
        self._feed.revoke_subject(tx, sub)
        tx.signals.all_sessions_ended(sub)

    def _end_session(self, tx: Transaction, event: Withdrawal) -> None:
        # Also a session that the backup is too old to know: its tokens are out.
        if event.sid is not None:
            tx.sessions.end(event.sid, _REASON)
            tx.refresh_tokens.revoke_of_session(event.sid, _REASON)
            self._feed.revoke_session(tx, event.sid)

    def _end_family(self, tx: Transaction, event: Withdrawal) -> None:
        if event.grant_id is not None:
            tx.refresh_tokens.revoke(base64url.decode(event.grant_id.encode("ascii")), _REASON)
            self._feed.revoke_grant(tx, event.grant_id)

    def _withdraw_consent(self, tx: Transaction, event: Withdrawal) -> None:
        if event.sub is not None and event.client_id is not None:
            tx.consents.withdraw(event.sub, event.client_id)
            for family_id in tx.refresh_tokens.revoke_of_consent(event.sub, event.client_id, _REASON):
                self._feed.revoke_grant(tx, base64url.encode(family_id))
            # Families that began after the backup are unknown here, and their tokens are out.
            self._feed.revoke_subject(tx, event.sub)

    def _disable_client(self, tx: Transaction, event: Withdrawal) -> None:
        # A deleted one is disabled: what deleting it took along, nobody can say any more.
        if event.client_id is not None:
            tx.clients.disable(event.client_id)
            tx.refresh_tokens.revoke_of_client(event.client_id, _REASON)
            self._feed.revoke_client(tx, event.client_id)

    def _take_role(self, tx: Transaction, event: Withdrawal) -> None:
        role = event.detail.get("role")
        if event.sub is not None and isinstance(role, str):
            tx.roles.revoke(event.sub, role)
            self._feed.revoke_subject(tx, event.sub)

    def _narrow_role(self, tx: Transaction, event: Withdrawal) -> None:
        role, permission = event.detail.get("role"), event.detail.get("removed")
        if isinstance(role, str) and isinstance(permission, str):
            self._end_tokens_of_holders(tx, role)
            tx.roles.remove_permission(role, permission)

    def _delete_role(self, tx: Transaction, event: Withdrawal) -> None:
        role = event.detail.get("role")
        if isinstance(role, str):
            self._end_tokens_of_holders(tx, role)
            tx.roles.delete(role)

    def _end_tokens_of_holders(self, tx: Transaction, role: str) -> None:
        holders = tx.roles.holders(role, _MOST_ALIKE + 1)
        if len(holders) > _MOST_ALIKE:
            self._feed.revoke_all(tx)
            return
        for sub in holders:
            self._feed.revoke_subject(tx, sub)

    def _end_registration_token(self, tx: Transaction, event: Withdrawal) -> None:
        token_id = event.detail.get("id")
        if isinstance(token_id, str):
            tx.client_registrations.revoke_initial_token(token_id)

    def _end_token(self, tx: Transaction, event: Withdrawal) -> None:
        jti = event.detail.get("jti")
        if isinstance(jti, str):
            self._feed.revoke_token(tx, jti)
        elif event.detail.get("every"):
            self._feed.revoke_all(tx)


def _reaches_back(tx: Transaction, events: Sequence[Withdrawal]) -> bool:
    """Say whether the journal knows everything since the backup that was restored. Of a file that was copied back the time is unknown."""
    began = [event.at for event in events if event.name == BEGAN]
    restored = tx.audit_events.newest(1, AuditFilter(name=EventName.DATABASE_RESTORED))
    if not began or not restored:
        return bool(began)
    return min(began) <= int(json.loads(restored[0].body)["detail"]["backup_at"])


def _is_known(tx: Transaction, event: Withdrawal) -> bool:
    """Say whether the database's audit log holds an event, or one that stands for it."""
    wanted = AuditFilter(name=event.name, sub=event.sub, client_id=event.client_id, since_ms=event.at)
    since = tx.audit_events.after(0, _MOST_ALIKE, wanted)
    stands_for = f'"event":"{_name_of(event)}"'
    return any(entry.body == event.body or stands_for in entry.body for entry in since)


def _name_of(event: Withdrawal) -> str:
    return hashlib.sha256(event.body.encode("utf-8")).hexdigest()[:32]


def _gives(event: Withdrawal) -> bool:
    """Say whether a role was widened: its events have one name."""
    return event.name == EventName.ROLE_CHANGED and "removed" not in event.detail


def _of(events: Iterable[Withdrawal], member: str, *names: str) -> tuple[str, ...]:
    found = (getattr(event, member) for event in events if event.name in names)
    return tuple(dict.fromkeys(value for value in found if value is not None))
