"""`auth-server restore ...`: what to do after the database was restored from a backup."""

from __future__ import annotations

import argparse
from typing import Final

from auth_server.cli.command import Answer, Command, refused
from auth_server.cli.opened import over_services
from auth_server.keys.restore import Restored, RestoreRefused
from auth_server.services import Services
from auth_server.tokens.reapply import Reapplied


async def _finish(services: Services, given: argparse.Namespace) -> Answer:
    try:
        # First: once something is signed again, what was taken away must not have come back.
        reapplied = await services.restoring.reapply.carry_out()
        await services.store.run(lambda tx: tx.status_lists.close_all())
        restored = await services.restore.finish(accept_unknown_key=given.accept_unknown_key)
    except RestoreRefused as refusal:
        raise refused(str(refusal), error="restore_refused") from refusal
    except OSError as error:
        raise refused(f"the journal of withdrawals cannot be read: {error.strerror}", error="restore_refused") from error
    await services.rings.tick()
    # So that this machine's own record of what was published knows it at once.
    await services.keyring.refresh()
    notes = (*_notes(restored, is_accepted=given.accept_unknown_key), *_notes_of(reapplied))
    return Answer(_document(restored) | _document_of(reapplied), _told(restored) + _told_of(reapplied), notes)


def _document(restored: Restored) -> dict[str, object]:
    return {
        "rings": [
            {"ring": ring.ring, "active_kid": ring.active_kid, "was_published": ring.is_known, "is_new": ring.is_new}
            for ring in restored.rings
        ],
        "journal_found": restored.journal,
        "burned_again": list(restored.burned_again),
        "verifying_again": list(restored.verifying),
        "signs_in_seconds": restored.wait_seconds,
    }


def _told(restored: Restored) -> str:
    lines = [f"ring {ring.ring}: {_signs(ring.active_kid, restored.wait_seconds)}" for ring in restored.rings]
    lines += [f"burned since the backup, and dead again: {kid}" for kid in restored.burned_again]
    lines += [f"lost with the backup, and published to verify: {kid}" for kid in restored.verifying]
    return "\n".join(lines)


def _signs(kid: str | None, wait_seconds: float) -> str:
    if kid is None:
        return "signs nothing"
    if wait_seconds:
        return f"{kid} is published, and signs in {wait_seconds:.0f} s"
    return f"{kid} signs; running servers follow within seconds"


def _notes(restored: Restored, *, is_accepted: bool) -> tuple[str, ...]:
    notes = []
    if not restored.journal:
        notes.append(
            "there is no journal of published keys in AUTH_SERVER_DATA_DIR: what was burned since the backup is known from the "
            "audit log alone; burn again what you burned since"
        )
    if restored.wait_seconds:
        notes.append(
            "resource servers may not hold this key; --accept-unknown-key signs now, and they answer 503 until they fetched it"
        )
    elif is_accepted and not all(ring.is_known for ring in restored.rings):
        notes.append("resource servers that do not hold this key answer 503 until they fetched it")
    return tuple(notes)


def _document_of(reapplied: Reapplied) -> dict[str, object]:
    return {
        "withdrawals_journal_found": reapplied.journal,
        "withdrawn_again": dict(reapplied.counts),
        "without_password": list(reapplied.without_password),
        "rotate_secret_again": list(reapplied.rotate_again),
    }


def _told_of(reapplied: Reapplied) -> str:
    lines = [f"taken away since the backup, and again now: {count} x {name}" for name, count in reapplied.counts.items()]
    return "".join(f"\n{line}" for line in lines)


def _notes_of(reapplied: Reapplied) -> tuple[str, ...]:
    notes = []
    if not reapplied.journal:
        notes.append(
            "no journal of withdrawals reaches back to the backup: every access token was revoked, every session and refresh token has "
            "ended (people sign in again), and who was disabled or lost a role since the backup did not: look through what you know of it"
        )
    if reapplied.without_password:
        notes.append(f"changed their password since the backup, and need a new one: {', '.join(reapplied.without_password)}")
    if reapplied.rotate_again:
        notes.append(f"secrets rotated since the backup are lost, rotate them again: {', '.join(reapplied.rotate_again)}")
    return tuple(notes)


def _finish_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--accept-unknown-key", action="store_true", help="sign at once with a key that resource servers may not hold yet"
    )


COMMANDS: Final = (
    Command(
        "finish",
        "let the server sign again after a restore",
        "Bring the signing keys of a restored database in line with what was published: what was burned stays burned, what was handed "
        "out goes on being accepted, and the server signs again. Run it where the journal of published keys is, in "
        "AUTH_SERVER_DATA_DIR; running servers follow by themselves.",
        ("auth-server restore finish",),
        over_services(_finish),
        _finish_arguments,
    ),
)
