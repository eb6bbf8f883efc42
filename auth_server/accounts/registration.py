"""Making accounts: people who sign up, and accounts an operator makes.

A mail address that somebody typed is a claim. It never identifies anybody before it is verified, so signing up with an address that
belongs to another account works like any other sign-up, at the same cost, and the caller learns nothing. The owner of the address
is told: by a letter, and an audit event (`email.already_registered`), like the mail that verifies a free one
(`email.verification_wanted`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from auth_server.accounts.names import Name, fold, parse_username
from auth_server.accounts.passwords import Passwords
from auth_server.accounts.verification import Verification, email_name
from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.languages.catalogue import DEFAULT
from auth_server.protocol.errors import ApiError
from auth_server.store.accounts import Account, NewAccount
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.web.request_facts import RequestFacts
from shared import base64url

_SUB_BYTES: Final = 16


class RegistrationMode(StrEnum):
    """Who may sign up. `invite` lets nobody in who has no invitation."""

    OPEN = "open"
    INVITE = "invite"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Created:
    """The account that has the name now; `is_new` is False when it was there before."""

    account: Account
    is_new: bool


class Registration:
    """Makes accounts.

    Args:
        mode: a value of `RegistrationMode`.
        domains: of the mail addresses that people may sign up with; any, when there are none.

    Raises:
        ValueError: there is no such mode.
    """

    def __init__(
        self, *, store: Store, passwords: Passwords, mode: str, verification: Verification, domains: tuple[str, ...] = ()
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._mode = RegistrationMode(mode)
        self._verification = verification
        self._domains = frozenset(map(fold, domains))

    @property
    def mode(self) -> RegistrationMode:
        """Who may sign up."""
        return self._mode

    async def register(
        self,
        *,
        username: str,
        email: str,
        password: str,
        facts: RequestFacts,
        language: str = DEFAULT,
        interaction: str | None = None,
    ) -> Account:
        """Make the account of somebody who signs up, and write to the address they gave.

        Args:
            language: of the letter.
            interaction: the authorization request that goes on once the address is verified.

        Raises:
            ApiError: 403 `registration_closed`, 422 `invalid_username`, `invalid_email`, `domain_refused` or `weak_password` with reasons,
                409 `username_taken`, 503 `overloaded`.
            StoreUnavailable: the database did not answer.
        """
        if self._mode is not RegistrationMode.OPEN:
            raise ApiError(403, "registration_closed", "Signing up is not open here.")
        new = _new_account(_username(username), email_name(email), verified=False)
        if self._domains and (new.email_key or "").rpartition("@")[2] not in self._domains:
            raise ApiError(422, "domain_refused", "Addresses of this domain cannot sign up here.")
        # A name that is taken is told anyway; told now, it costs no hash.
        if await self._with_name(new.username_key) is not None:
            raise _username_taken()
        digest = await self._digest(new, password, may_be_weak=False)
        account = await self._store.run(lambda tx: self._sign_up(tx, new, digest, facts, language, interaction))
        if account is None:
            raise _username_taken()
        return account

    async def create_by_operator(
        self,
        *,
        username: str,
        password: str | None = None,
        email: str | None = None,
        email_verified: bool = False,
        roles: tuple[str, ...] = (),
        may_be_weak: bool = False,
        actor: str = "operator",
    ) -> Created:
        """Make an account, or find the one that has this user name already: then nothing about it is changed.

        Args:
            password: None for an account that cannot sign in with one.
            may_be_weak: accept a password of 8 characters without a look at how common it is.

        Raises:
            ApiError: 422 `invalid_username`, `invalid_email`, `weak_password` or `unknown_role`, 409 `email_taken` (verified for
                another account), 503 `overloaded`.
            StoreUnavailable: the database did not answer.
        """
        new = _new_account(_username(username), None if email is None else email_name(email), verified=email_verified)
        existing = await self._with_name(new.username_key)
        if existing is not None:
            return Created(existing, is_new=False)
        digest = None if password is None else await self._digest(new, password, may_be_weak=may_be_weak)
        return await self._store.run(lambda tx: _create(tx, new, digest, roles, actor))

    def _sign_up(
        self, tx: Transaction, new: NewAccount, digest: str, facts: RequestFacts, language: str, interaction: str | None
    ) -> Account | None:
        account = tx.accounts.create(new)
        if account is None:
            return None
        tx.credentials.set_digest(new.sub, digest)
        record(tx, EventName.ACCOUNT_REGISTERED, facts=facts, sub=new.sub)
        # The same look-ups, rows and events in either case: what it costs does not tell whether the address has an owner.
        owner = tx.accounts.find_by_verified_email(new.email_key or "")
        name = EventName.EMAIL_VERIFICATION_WANTED if owner is None else EventName.EMAIL_ALREADY_REGISTERED
        record(tx, name, facts=facts, sub=new.sub if owner is None else owner.sub)
        self._verification.ask(tx, account, owner=owner, language=language, interaction=interaction)
        return account

    async def _with_name(self, username_key: str) -> Account | None:
        return await self._store.read(lambda tx: tx.accounts.find_by_username(username_key))

    async def _digest(self, new: NewAccount, password: str, *, may_be_weak: bool) -> str:
        await self._passwords.refuse_weak(password, names=(new.username, new.email), may_be_weak=may_be_weak)
        return await self._passwords.hash(password)


def _username(text: str) -> Name:
    try:
        return parse_username(text)
    except ValueError as error:
        raise ApiError(422, "invalid_username", "This user name cannot be used.", reasons=(f"A user name {error}.",)) from error


def _username_taken() -> ApiError:
    return ApiError(409, "username_taken", "Somebody has this user name already.")


def _new_account(username: Name, email: Name | None, *, verified: bool) -> NewAccount:
    return NewAccount(
        sub=base64url.encode(secrets.token_bytes(_SUB_BYTES)),
        username=username.shown,
        username_key=username.key,
        email=email.shown if email else None,
        email_key=email.key if email else None,
        email_verified=verified and email is not None,
    )


def _create(tx: Transaction, new: NewAccount, digest: str | None, roles: tuple[str, ...], actor: str) -> Created:
    account = tx.accounts.create(new)
    if account is None:
        existing = tx.accounts.find_by_username(new.username_key)
        if existing is not None:
            return Created(existing, is_new=False)
        raise ApiError(409, "email_taken", "This mail address is verified for another account.")
    if digest is not None:
        tx.credentials.set_digest(new.sub, digest)
    for role in roles:
        if not tx.roles.grant(new.sub, role) and not tx.roles.exists(role):
            raise ApiError(422, "unknown_role", "There is no such role.", reasons=(f"There is no role {role}.",))
    record(tx, EventName.ACCOUNT_CREATED, actor=actor, sub=new.sub, detail={"roles": " ".join(roles)} if roles else None)
    return Created(account, is_new=True)
