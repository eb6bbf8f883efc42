"""`auth-server audit ...`: what happened, and the proof that nobody changed the record of it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from auth_server.cli.audit_lines import as_document, as_export, as_line, as_row
from auth_server.cli.command import Answer, Command, ExitCode, refused, usage
from auth_server.cli.inputs import WHO, row_count
from auth_server.cli.opened import over_services
from auth_server.cli.plain_text import table
from auth_server.cli.user import find_account
from auth_server.services import Services
from auth_server.store.audit_events import AuditEntry, AuditFilter
from auth_server.store.transaction import Transaction

_PAGE: Final = 500
_HASH_BYTES: Final = 32
_FOLLOW_SECONDS: Final = 0.5


async def _tail(services: Services, given: argparse.Namespace) -> Answer:
    wanted = await _wanted(services, given)
    entries = await services.store.read(lambda tx: tx.audit_events.newest(given.limit, wanted))
    if given.follow:
        await _follow(services, wanted, entries, as_json=given.json)
    now_ms = services.store.clock.now_ms()
    headings = ("NO", "WHEN", "EVENT", "OUTCOME", "WHO", "CLIENT", "FROM", "MORE")
    text = table(headings, [as_row(entry, now_ms) for entry in entries], empty="nothing of that kind is in the log")
    return Answer({"events": [as_document(entry) for entry in entries]}, text)


async def _follow(services: Services, wanted: AuditFilter, entries: list[AuditEntry], *, as_json: bool) -> None:
    """Print events as they come, until somebody interrupts."""
    last = await services.store.read(lambda tx: tx.audit_events.head().seq)
    while True:
        for entry in entries:
            print(json.dumps(as_document(entry)) if as_json else as_line(entry), flush=True)
            last = max(last, entry.seq)
        await asyncio.sleep(_FOLLOW_SECONDS)
        entries = await services.store.read(_after(last, wanted))


async def _verify(services: Services, given: argparse.Namespace) -> Answer:
    anchor = _anchor(given.anchor) if given.anchor else None

    def look(tx: Transaction) -> tuple[int | None, int, bytes, bytes | None]:
        head = tx.audit_events.head()
        return tx.audit_events.first_broken_link(), head.seq, head.hash, tx.audit_events.hash_at(anchor[0]) if anchor else None

    broken, seq, digest, anchored = await services.store.read(look)
    document = {"events": seq, "head": {"seq": seq, "hash": digest.hex()}, "broken_at": broken}
    if broken is not None:
        text = f"BROKEN at event {broken}: it does not follow from the one before; it, or one before it, was changed, dropped or inserted"
        return Answer(document, text, code=ExitCode.REFUSED)
    if anchor and anchored != anchor[1]:
        text = f"BROKEN: event {anchor[0]} is not what was noted of it; the log was cut, or written anew"
        return Answer({**document, "broken_at": anchor[0]}, text, code=ExitCode.REFUSED)
    noted = "Note the head elsewhere; --anchor holds a later log to it."
    return Answer(document, f"{seq} events, each follows from the one before\nhead  {seq}:{digest.hex()}\n{noted}")


async def _export(services: Services, given: argparse.Namespace) -> Answer:
    wanted = await _wanted(services, given)
    if given.output == "-":
        if given.json:
            raise usage("--json would write a second document behind the export: name a file with --output")
        return Answer({"events": await _write(services, wanted, sys.stdout)}, "")
    with _new_file(Path(given.output)) as file:
        count = await _write(services, wanted, file)
    return Answer({"events": count, "output": given.output}, f"{count} events written to {given.output}")


def _new_file(path: Path) -> IO[str]:
    try:
        return open(path, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600))
    except FileExistsError as error:
        raise refused(f"{path} exists already; nothing was written") from error
    except OSError as error:
        raise refused(f"{path}: {error.strerror}") from error


async def _write(services: Services, wanted: AuditFilter, file: IO[str]) -> int:
    count = last = 0
    while entries := await services.store.read(_after(last, wanted)):
        file.writelines(as_export(entry) + "\n" for entry in entries)
        count, last = count + len(entries), entries[-1].seq
    file.flush()
    return count


def _after(seq: int, wanted: AuditFilter) -> Callable[[Transaction], list[AuditEntry]]:
    return lambda tx: tx.audit_events.after(seq, _PAGE, wanted)


async def _wanted(services: Services, given: argparse.Namespace) -> AuditFilter:
    sub = (await find_account(services, given.user)).sub if given.user else None
    return AuditFilter(given.event, sub, given.client, given.since)


def _anchor(text: str) -> tuple[int, bytes]:
    seq, _, digest = text.partition(":")
    try:
        found = int(seq), bytes.fromhex(digest)
    except ValueError:
        found = 0, b""
    if len(found[1]) != _HASH_BYTES:
        raise usage("--anchor is what `audit verify` printed: NUMBER:HASH")
    return found


def _time(text: str) -> int:
    """Read a time as milliseconds: RFC 3339, or a date, in UTC unless it says otherwise."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("must be a date or time such as 2027-01-15 or 2027-01-15T08:00:00Z") from error
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--event", metavar="NAME", help="events of one name (login.failed), or of a family (login.)")
    parser.add_argument("--user", metavar="USER", help=f"events about a person: {WHO}")
    parser.add_argument("--client", metavar="CLIENT_ID", help="events about a client")
    parser.add_argument("--since", type=_time, metavar="TIME", help="events since a date or time, UTC")


def _tail_arguments(parser: argparse.ArgumentParser) -> None:
    _filters(parser)
    parser.add_argument("--limit", type=row_count, default=20, metavar="N", help="how many, 1 to 1000 (default 20)")
    parser.add_argument("--follow", action="store_true", help="go on and print events as they come; Ctrl-C ends it")


def _verify_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--anchor", metavar="NUMBER:HASH", help="a head that was noted earlier and must still be there")


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    _filters(parser)
    parser.add_argument("--output", default="-", metavar="FILE", help="a new file; `-` for standard output (default)")


COMMANDS: Final = (
    Command(
        "tail",
        "show the newest events",
        "Show the newest events of the audit log: sign-ins, refusals, revocations, keys, and what operators did. No event holds a secret.",
        (
            "auth-server audit tail --follow",
            "auth-server audit tail --event login. --user alice --since 2027-01-15",
        ),
        over_services(_tail),
        _tail_arguments,
    ),
    Command(
        "verify",
        "prove that the log was not changed",
        "Walk the whole log: each event is chained to the one before it by a hash, so a changed, dropped or inserted event shows. What "
        "no chain shows by itself is a log that was cut at its end or written anew: note the head that this prints, and give it as "
        "--anchor the next time. Ends with 1 when something does not follow.",
        ("auth-server audit verify", "auth-server audit verify --anchor 4711:9f86d081884c7d65..."),
        over_services(_verify),
        _verify_arguments,
    ),
    Command(
        "export",
        "write events as JSON lines",
        "Write events, oldest first, one JSON object a line, for another system to keep: "
        "`seq`, `hash`, and `event` in its canonical form, so that whoever has the whole of it can compute the chain again "
        "(docs/audit.md).",
        (
            "auth-server audit export --since 2027-01-01 --output january.jsonl",
            "auth-server audit export --event key. | jq .event.detail",
        ),
        over_services(_export),
        _export_arguments,
    ),
)
