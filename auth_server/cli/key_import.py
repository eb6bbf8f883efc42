"""`auth-server key import`: the public half of a former issuer's key, or a private key that is to sign."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from auth_server.cli.command import Answer, CommandFailed, ExitCode, refused, usage
from auth_server.cli.plain_text import timestamp, when
from auth_server.keys.importing import Imported, ImportRefused
from auth_server.keys.key_documents import RECOMMENDED_RSA_BITS, ForeignKey, KeyDocumentRefused, read_keys
from auth_server.services import Services

_MAX_BYTES: Final = 256 * 1024
_SPAN: Final = re.compile(r"\+(\d{1,5})([hd])")
_HOUR_MS: Final = 3_600_000


async def import_key(services: Services, given: argparse.Namespace) -> Answer:
    """Import what one file holds.

    Raises:
        CommandFailed: the file cannot be read, holds no usable key, or its key does not come in.
    """
    keys = _keys(given.verify_only or given.private)
    try:
        if given.private is not None:
            return await _private(services, keys, given.issuer_note or "")
        return await _public(services, keys, given)
    except ImportRefused as refusal:
        raise refused(str(refusal), error="import_refused") from refusal


async def _public(services: Services, keys: Sequence[ForeignKey], given: argparse.Namespace) -> Answer:
    if not given.issuer_note or not given.not_after:
        raise usage("--verify-only needs --issuer-note and --not-after")
    now_ms = services.store.clock.now_ms()
    not_after_ms = parse_when(given.not_after, now_ms)
    imported = await services.importing.import_public(keys, note=given.issuer_note, not_after_ms=not_after_ms)
    await services.keyring.refresh()
    text = "\n".join(f"{kid} verifies until {when(not_after_ms, now_ms)}" for kid in imported.kids)
    document = {"kids": list(imported.kids), "state": "imported", "ring": imported.ring, "not_after": timestamp(not_after_ms)}
    return Answer(document, text, _notes(keys))


async def _private(services: Services, keys: Sequence[ForeignKey], note: str) -> Answer:
    if len(keys) != 1:
        raise refused(f"the file must hold one private key, and holds {len(keys)}", error="import_refused")
    imported = await services.importing.import_private(keys[0], note=note)
    await services.keyring.refresh()
    (kid,) = imported.kids
    document = {"kids": [kid], "state": "pending", "ring": imported.ring, "replaced": imported.replaced}
    notes = (*_notes(keys), "destroy every other copy of the private key")
    return Answer(document, _told_private(kid, imported, services.settings.key_policy.publish_ahead), notes)


def _told_private(kid: str, imported: Imported, publish_ahead: float) -> str:
    room = "" if imported.replaced is None else f"; {imported.replaced}, which signed nothing, made room"
    return f"{kid} is the standby of the ring {imported.ring}: it may sign {publish_ahead:.0f} s from now{room}"


def _notes(keys: Sequence[ForeignKey]) -> tuple[str, ...]:
    short = [key for key in keys if (key.rsa_bits or RECOMMENDED_RSA_BITS) < RECOMMENDED_RSA_BITS]
    return tuple(f"{key.kid} has {key.rsa_bits} bits; {RECOMMENDED_RSA_BITS} are recommended" for key in short)


def parse_when(text: str, now_ms: int) -> int:
    """Return a time in milliseconds since the epoch: RFC 3339, a date, or `+30d`, `+48h` from now.

    Raises:
        CommandFailed: with USAGE.
    """
    if span := _SPAN.fullmatch(text):
        return now_ms + int(span[1]) * _HOUR_MS * (24 if span[2] == "d" else 1)
    try:
        at = datetime.fromisoformat(text)
        return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise usage(f"{text!r} is no time: say 2027-01-31, 2027-01-31T12:00:00Z, +30d or +48h") from None


def _keys(path: str) -> list[ForeignKey]:
    try:
        if path == "-":
            document = sys.stdin.buffer.read(_MAX_BYTES)
        else:
            with Path(path).open("rb") as file:
                document = file.read(_MAX_BYTES)
    except OSError as error:
        raise CommandFailed(ExitCode.USAGE, "unreadable_file", f"cannot read {path}: {error.strerror}") from error
    try:
        return read_keys(document)
    except KeyDocumentRefused as refusal:
        raise refused(str(refusal), error="import_refused") from refusal
