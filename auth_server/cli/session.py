"""`auth-server session ...`: sign-in sessions."""

from __future__ import annotations

import argparse
from typing import Final

from auth_server.cli.command import Answer, Command, not_found
from auth_server.cli.inputs import add_user, add_yes, confirm
from auth_server.cli.opened import over_services
from auth_server.cli.plain_text import relative, table, timestamp
from auth_server.cli.user import find_account
from auth_server.revocation.promise import promise
from auth_server.services import Services
from auth_server.store.sessions import Session


async def _list(services: Services, given: argparse.Namespace) -> Answer:
    account = await find_account(services, given.user)
    sessions = await services.sessions.list(account.sub)
    now_ms = services.store.clock.now_ms()
    rows = [
        (
            session.sid,
            relative(session.created_at, now_ms),
            relative(session.idle_expires_at, now_ms),
            session.address or "-",
            session.user_agent or "-",
        )
        for session in sessions
    ]
    text = table(("SESSION", "SIGNED IN", "ENDS IF IDLE", "ADDRESS", "BROWSER"), rows, empty=f"{account.username} has no session")
    return Answer({"sub": account.sub, "sessions": [_described(session) for session in sessions]}, text)


async def _revoke(services: Services, given: argparse.Namespace) -> Answer:
    session = await services.store.read(lambda tx: tx.sessions.find(given.sid))
    if session is None:
        raise not_found("there is no such session, or it has been over for long")
    if session.ended_at is None:
        confirm(given, f"ending session {session.sid}", session.sid)
    changed = await services.sessions.end(session.sid, "revoked_by_operator", actor="operator")
    ended = f"ended; it {promise(services.settings.key_policy)}" if changed else "had ended already"
    return Answer({"sid": session.sid, "sub": session.sub, "changed": changed}, f"session {session.sid} {ended}")


def _described(session: Session) -> dict[str, object]:
    return {
        "sid": session.sid,
        "auth_time": timestamp(session.auth_time * 1000),
        "acr": session.acr,
        "amr": list(session.amr),
        "address": session.address,
        "user_agent": session.user_agent,
        "idle_expires_at": timestamp(session.idle_expires_at),
        "absolute_expires_at": timestamp(session.absolute_expires_at),
    }


def _revoke_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sid", metavar="SID")
    add_yes(parser)


COMMANDS: Final = (
    Command(
        "list",
        "list a person's live sessions",
        "List the live sessions of a person, newest first, at most 100.",
        ("auth-server session list alice",),
        over_services(_list),
        add_user,
    ),
    Command(
        "revoke",
        "end a session",
        "End a session: its refresh tokens no longer work, and its access tokens are named on the revocation feed.",
        ("auth-server session revoke 5xL0XhQ8lY3nZ2cO1bWq7A --yes",),
        over_services(_revoke),
        _revoke_arguments,
    ),
)
