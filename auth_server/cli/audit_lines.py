"""One audit event for people, and for programs."""

from __future__ import annotations

import json
from typing import Final

from auth_server.cli.plain_text import relative, stamp, timestamp
from auth_server.store.audit_events import AuditEntry
from shared.log_line import neutralise

# What a row shows by itself; the rest is told as name=value.
_IN_COLUMNS: Final = frozenset({"at", "name", "outcome", "sub", "client_id", "address", "actor", "request_id"})


def as_document(entry: AuditEntry) -> dict[str, object]:
    """Return the event with its number, its hash, and its time as RFC 3339."""
    return {"seq": entry.seq, **json.loads(entry.body), "at": timestamp(entry.at), "hash": entry.hash.hex()}


def as_export(entry: AuditEntry) -> str:
    """Return the event as one line of an export. Its `event` is the very text that was hashed."""
    return f'{{"seq":{entry.seq},"hash":"{entry.hash.hex()}","event":{entry.body}}}'


def as_row(entry: AuditEntry, now_ms: int) -> tuple[str, ...]:
    """Return the cells of one line of a table: number, when, event, outcome, who, client, from where, more."""
    event = json.loads(entry.body)
    who = event.get("sub") or "-"
    if actor := event.get("actor"):
        who = f"{actor} → {who}" if event.get("sub") else actor
    more = " ".join(f"{name}={value}" for name, value in _more(event).items())
    return (
        str(entry.seq),
        relative(entry.at, now_ms),
        event["name"],
        event["outcome"],
        who,
        event.get("client_id") or "-",
        event.get("address") or "-",
        more,
    )


def as_line(entry: AuditEntry) -> str:
    """Return one line for somebody who watches."""
    _, _, *cells = as_row(entry, entry.at)
    return "  ".join([str(entry.seq), stamp(entry.at), *(neutralise(cell) for cell in cells if cell and cell != "-")])


def _more(event: dict[str, object]) -> dict[str, object]:
    detail = event.get("detail")
    flat = {name: value for name, value in event.items() if name not in _IN_COLUMNS and name != "detail"}
    return flat | (detail if isinstance(detail, dict) else {})
