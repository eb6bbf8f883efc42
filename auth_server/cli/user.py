"""`auth-server user ...`: people's accounts."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Sequence
from typing import Final

from auth_server.accounts.names import fold
from auth_server.cli.command import Answer, Command, CommandFailed, ExitCode, not_found
from auth_server.cli.inputs import add_if_missing, add_page_options, add_user, read_secret
from auth_server.cli.opened import over_services
from auth_server.cli.parsing import did_you_mean
from auth_server.cli.plain_text import fields, relative, table, timestamp, when
from auth_server.cli.user_claims import SET_CLAIMS
from auth_server.protocol.secret import Secret
from auth_server.revocation.promise import Promise, promise
from auth_server.services import Services
from auth_server.store.accounts import Account

# 144 random bits: nobody guesses it, and it can still be typed.
_PASSWORD_BYTES: Final = 18
_SHOWN_ONCE: Final = "shown this once; only its digest is kept"


def _create_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--username", required=True, metavar="NAME", help="1 to 64 letters, digits, dots, hyphens and underscores"
    )
    parser.add_argument("--email", metavar="ADDRESS", help="their mail address")
    parser.add_argument(
        "--email-verified", action="store_true", help="you know that the address is theirs: they may sign in with it"
    )
    parser.add_argument("--role", action="append", default=[], metavar="ROLE", help="a role to give; repeat for more")
    _add_password_options(parser)
    add_if_missing(parser)


def _add_password_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--password-file", metavar="FILE", help="the password, - for standard input; default: make one")
    parser.add_argument(
        "--insecurely-allow-weak-password",
        action="store_true",
        help="accept 8 characters, and passwords that everybody tries first",
    )


async def _create(services: Services, given: argparse.Namespace) -> Answer:
    await _check_roles(services, given.role)
    made, password = _password(given)
    created = await services.registration.create_by_operator(
        username=given.username,
        password=password.reveal(),
        email=given.email,
        email_verified=given.email_verified,
        roles=tuple(given.role),
        may_be_weak=given.insecurely_allow_weak_password,
    )
    account = created.account
    if not created.is_new and not given.if_missing:
        raise CommandFailed(ExitCode.EXISTS, "exists", f"user {account.username} exists already; nothing was changed")
    document = await _described(services, account) | {"created": created.is_new}
    if not created.is_new:
        return Answer(document, f"user {account.username} exists already, left as it is")
    return _with_password(document, f"user {account.username} created (sub {account.sub})", made)


async def _check_roles(services: Services, wanted: Sequence[str]) -> None:
    known = {role.name for role in await services.roles.list()} if wanted else set()
    for name in wanted:
        if name not in known:
            raise not_found(f"there is no role {name}{did_you_mean(name, known)}")


def _password(given: argparse.Namespace) -> tuple[Secret | None, Secret]:
    """Return the password that was made here, if it was, and the one to set."""
    if given.password_file:
        return None, read_secret(given.password_file)
    made = Secret(secrets.token_urlsafe(_PASSWORD_BYTES))
    return made, made


def _with_password(document: dict[str, object], text: str, made: Secret | None) -> Answer:
    if made is None:
        return Answer(document, text)
    shown = f"{text}\n\npassword  {made.reveal()}\n\n({_SHOWN_ONCE})"
    return Answer(document | {"password": made.reveal()}, shown)


async def _list(services: Services, given: argparse.Namespace) -> Answer:
    after, limit = fold(given.after), given.limit
    page = await services.store.read(lambda tx: tx.accounts.after(after, limit + 1))
    shown = page[:limit]
    following = shown[-1].username if len(page) > limit else None
    now_ms = services.store.clock.now_ms()
    rows = [
        (account.username, account.sub, _email(account), relative(account.created_at, now_ms), _state(account))
        for account in shown
    ]
    text = table(("USER", "SUB", "EMAIL", "CREATED", "STATE"), rows, empty="no users yet")
    more = f"\n\nmore: auth-server user list --after {following}" if following else ""
    return Answer({"users": [_of_account(account) for account in shown], "next": following}, text + more)


async def _show(services: Services, given: argparse.Namespace) -> Answer:
    account = await find_account(services, given.user)
    document = await _described(services, account)
    now_ms = services.store.clock.now_ms()
    disabled = "" if account.disabled_at is None else f"{when(account.disabled_at, now_ms)}: {account.disabled_reason or ''}"
    sessions = await services.sessions.list(account.sub)
    text = fields(
        [
            ("username", account.username),
            ("sub", account.sub),
            ("email", _email(account)),
            ("roles", " ".join(sorted(await services.roles.of(account.sub))) or "none"),
            ("password", "set" if document["has_password"] else "none: auth-server user reset-password"),
            ("sessions", str(len(sessions))),
            ("created", when(account.created_at, now_ms)),
            ("disabled", disabled),
        ]
    )
    return Answer(document, text)


async def _disable(services: Services, given: argparse.Namespace) -> Answer:
    account = await find_account(services, given.user)
    changed = await services.administration.disable(account.sub, given.reason)
    text = f"disabled; sessions and refresh tokens ended. It {_how_soon(services)}" if changed else "was disabled already"
    return _changed(account, changed, text, disabled=True)


def _how_soon(services: Services) -> Promise:
    return promise(services.settings.key_policy)


async def _enable(services: Services, given: argparse.Namespace) -> Answer:
    account = await find_account(services, given.user)
    changed = await services.administration.enable(account.sub)
    text = "enabled; what ended when it was disabled stays ended" if changed else "was enabled already"
    return _changed(account, changed, text, disabled=False)


async def _reset_password(services: Services, given: argparse.Namespace) -> Answer:
    account = await find_account(services, given.user)
    made, password = _password(given)
    may_be_weak = given.insecurely_allow_weak_password
    await services.load_secrets()  # counters of guesses are named by a secret
    await services.administration.set_password(account.sub, password.reveal(), may_be_weak=may_be_weak)
    text = f"user {account.username} has a new password; sessions and refresh tokens ended. It {_how_soon(services)}"
    return _with_password({"sub": account.sub, "username": account.username}, text, made)


async def _unlock(services: Services, given: argparse.Namespace) -> Answer:
    account = await find_account(services, given.user)
    await services.load_secrets()  # counters of guesses are named by a secret
    changed = await services.administration.unlock(account.sub)
    text = "is no longer slowed down" if changed else "was not slowed down"
    return _changed(account, changed, text)


async def find_account(services: Services, name: str) -> Account:
    """Return the account with this user name, verified address or `sub`.

    Raises:
        CommandFailed: with NOT_FOUND.
    """
    account = await services.administration.find(name)
    if account is None:
        raise not_found(f"there is no user {name}")
    return account


def _changed(account: Account, changed: bool, text: str, **more: object) -> Answer:
    document = {"sub": account.sub, "username": account.username, "changed": changed, **more}
    return Answer(document, f"user {account.username} {text}")


async def _described(services: Services, account: Account) -> dict[str, object]:
    digest = await services.store.read(lambda tx: tx.credentials.digest(account.sub))
    return _of_account(account) | {"roles": sorted(await services.roles.of(account.sub)), "has_password": digest is not None}


def _of_account(account: Account) -> dict[str, object]:
    return {
        "sub": account.sub,
        "username": account.username,
        "email": account.email,
        "email_verified": account.email_verified,
        "disabled": account.is_disabled,
        "disabled_at": timestamp(account.disabled_at),
        "disabled_reason": account.disabled_reason,
        "created_at": timestamp(account.created_at),
    }


def _email(account: Account) -> str:
    if account.email is None:
        return "-"
    return account.email if account.email_verified else f"{account.email} (unverified)"


def _state(account: Account) -> str:
    return "disabled" if account.is_disabled else "enabled"


def _disable_arguments(parser: argparse.ArgumentParser) -> None:
    add_user(parser)
    parser.add_argument("--reason", default="disabled by an operator", help="a few words for the audit log")


def _reset_arguments(parser: argparse.ArgumentParser) -> None:
    add_user(parser)
    _add_password_options(parser)


COMMANDS: Final = (
    Command(
        "create",
        "make an account",
        "Make an account. Without --password-file a strong password is made and printed once.",
        (
            "auth-server user create --username alice --email alice@example.com --password-file f --role editor",
            "pass show alice | auth-server user create --username alice --password-file - --if-missing",
        ),
        over_services(_create),
        _create_arguments,
    ),
    Command(
        "list",
        "list accounts",
        "List accounts in the order of their names, page by page.",
        ("auth-server user list --limit 20 --after alice",),
        over_services(_list),
        add_page_options,
    ),
    Command("show", "show one account", "Show an account.", ("auth-server user show alice",), over_services(_show), add_user),
    Command(
        "disable",
        "refuse a person, and end what they have",
        "Refuse a person from now on: sessions and refresh tokens end, and APIs refuse access tokens within seconds.",
        ('auth-server user disable alice --reason "left the company"',),
        over_services(_disable),
        _disable_arguments,
    ),
    Command(
        "enable",
        "let a disabled person in again",
        "Let a disabled person in again. What ended stays ended.",
        ("auth-server user enable alice",),
        over_services(_enable),
        add_user,
    ),
    Command(
        "reset-password",
        "give an account another password",
        "Give an account another password, or its first one, and end its sessions and tokens. Without --password-file a strong one is "
        "made and printed once.",
        ("auth-server user reset-password alice",),
        over_services(_reset_password),
        _reset_arguments,
    ),
    Command(
        "unlock",
        "forget failed guesses",
        "Forget the failed guesses at an account's password, so that its owner is not slowed down.",
        ("auth-server user unlock alice",),
        over_services(_unlock),
        add_user,
    ),
    SET_CLAIMS,
)
