"""Append an event in the caller's transaction: it is in the log exactly when the change is."""

from __future__ import annotations

from auth_server.audit.events import EventName
from auth_server.store.audit_events import AuditRecord
from auth_server.store.transaction import Transaction
from auth_server.web.request_facts import RequestFacts


def record(
    tx: Transaction,
    name: EventName,
    *,
    outcome: str = "ok",
    facts: RequestFacts | None = None,
    actor: str | None = None,
    sub: str | None = None,
    client_id: str | None = None,
    sid: str | None = None,
    grant_id: str | None = None,
    detail: dict[str, str | int | bool] | None = None,
) -> None:
    """Append one event.

    Args:
        outcome: `ok`, or the word for why not.
        facts: the request behind it; None for an operator's command or a job.
        actor: who did it when that is not `sub` (`operator`, `job`).
        detail: a few words and numbers more; never a secret, a token or a mail address.
    """
    tx.record(
        AuditRecord(
            name=name.value,
            outcome=outcome,
            at=tx.clock.now_ms(),
            sub=sub,
            client_id=client_id,
            actor=actor,
            sid=sid,
            grant_id=grant_id,
            address=facts.address if facts else None,
            request_id=facts.request_id if facts else None,
            detail=detail or {},
        )
    )
