"""Authorization codes by digest. Spending one is a single guarded statement: of any number of racing exchanges one wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Row,
    Table,
    Text,
    bindparam,
    delete,
    exists,
    insert,
    select,
    update,
)

from auth_server.store.account_claims import ACCOUNT_CLAIMS, PERSON, person_of
from auth_server.store.accounts import ACCOUNT
from auth_server.store.roles import ACCOUNT_ROLE
from auth_server.store.schema import METADATA, Digest, Milliseconds, Number, Words, now_ms
from auth_server.store.sessions import SESSION

AUTHORIZATION_CODE: Final = Table(
    "authorization_code",
    METADATA,
    Column("digest", Digest, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("sub", Text, ForeignKey("account.sub", ondelete="CASCADE"), nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("sid", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("redirect_uri_sent", Boolean, nullable=False),
    Column("code_challenge", Text),
    Column("scope", Words, nullable=False),
    Column("resource", Text),
    Column("resource_sent", Boolean, nullable=False),
    Column("nonce", Text),
    Column("claims", Text),
    Column("auth_time", Number, nullable=False),
    Column("acr", Text, nullable=False),
    Column("amr", Words, nullable=False),
    Column("created_at", Milliseconds, nullable=False),
    Column("expires_at", Milliseconds, nullable=False, index=True),
    Column("consumed_at", Milliseconds),
    Column("family_id", Digest, index=True),
)

# A spent code is remembered this long, so that a replay still ends what it had become.
REMEMBERED_MS: Final = 86_400_000
_A: Final = AUTHORIZATION_CODE.c
_ADD: Final = insert(AUTHORIZATION_CODE).values(
    created_at=now_ms(), expires_at=now_ms() + bindparam("lifetime_ms", type_=BigInteger)
)
_LOAD: Final = (
    select(
        AUTHORIZATION_CODE,
        now_ms().label("now"),
        ACCOUNT.c.disabled_at.label("account_disabled_at"),
        SESSION.c.ended_at.label("session_ended_at"),
        SESSION.c.absolute_expires_at.label("session_absolute_expires_at"),
        ACCOUNT_ROLE.c.role.label("role"),
        *PERSON,
    )
    .select_from(
        AUTHORIZATION_CODE.join(ACCOUNT, ACCOUNT.c.sub == _A.sub)
        .outerjoin(SESSION, SESSION.c.sid == _A.sid)
        .outerjoin(ACCOUNT_ROLE, ACCOUNT_ROLE.c.sub == _A.sub)
        .outerjoin(ACCOUNT_CLAIMS, ACCOUNT_CLAIMS.c.sub == _A.sub)
    )
    # The client stands in the condition: a stranger who holds a code can neither learn of it nor burn it.
    .where(_A.digest == bindparam("key"), _A.client_id == bindparam("whose"))
)
_SPEND: Final = (
    update(AUTHORIZATION_CODE)
    .where(
        _A.digest == bindparam("key"),
        _A.client_id == bindparam("whose"),
        _A.consumed_at.is_(None),
        _A.expires_at > now_ms(),
        # Signing out between the page and the exchange ends the code too.
        exists(select(SESSION.c.sid).where(SESSION.c.sid == _A.sid, SESSION.c.ended_at.is_(None))),
    )
    .values(consumed_at=now_ms(), family_id=bindparam("family"))
)


@dataclass(frozen=True, slots=True)
class NewCode:
    """What a code stands for. `resource` is None for a sign-in alone; `claims` is the `claims` parameter's JSON."""

    digest: bytes = field(repr=False)
    client_id: str
    sub: str
    subject: str
    sid: str
    redirect_uri: str
    redirect_uri_sent: bool
    code_challenge: str | None = field(repr=False)
    scope: frozenset[str]
    resource: str | None
    resource_sent: bool
    nonce: str | None
    claims: str | None
    auth_time: int
    acr: str
    amr: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """A code of this client with what its exchange depends on. Times in milliseconds, database clock."""

    code: NewCode
    expires_at: int
    consumed_at: int | None
    family_id: bytes | None
    account_live: bool
    session_live: bool
    roles: frozenset[str]
    person: Mapping[str, Any] = field(repr=False)
    now_ms: int


class AuthorizationCodes:
    """Authorization codes within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, code: NewCode, *, lifetime_ms: int) -> None:
        """Store one."""
        values: dict[str, Any] = {name: getattr(code, name) for name in NewCode.__dataclass_fields__}
        values["scope"] = tuple(sorted(code.scope))
        self._connection.execute(_ADD, values | {"lifetime_ms": lifetime_ms})

    def load(self, digest: bytes, client_id: str) -> CodeFacts | None:
        """Return a code of this client, spent and expired ones too; None when there is none."""
        rows = self._connection.execute(_LOAD, {"key": digest, "whose": client_id}).all()
        return _facts(rows[0], frozenset(row.role for row in rows if row.role is not None)) if rows else None

    def spend(self, digest: bytes, client_id: str, family_id: bytes | None) -> bool:
        """Use a code up; False when it is unknown, another client's, spent, expired, or its session ended: then nothing changed."""
        values = {"key": digest, "whose": client_id, "family": family_id}
        return self._connection.execute(_SPEND, values).rowcount == 1

    def claims_of(self, family_id: bytes) -> str | None:
        """Return the `claims` parameter of the request behind what a code became."""
        return self._connection.execute(select(_A.claims).where(_A.family_id == family_id)).scalar()

    def cancel_of(self, sub: str, client_id: str) -> list[bytes]:
        """Spend every code of a person with one client that is still good; return the families that codes have become lately."""
        theirs = (_A.sub == sub, _A.client_id == client_id)
        self._connection.execute(update(AUTHORIZATION_CODE).where(*theirs, _A.consumed_at.is_(None)).values(consumed_at=now_ms()))
        became = select(_A.family_id).where(*theirs, _A.family_id.is_not(None))
        return [bytes(family_id) for family_id in self._connection.execute(became).scalars()]

    def purge(self, limit: int = 500) -> int:
        """Delete up to `limit` codes that expired a day ago; return how many."""
        dead = select(_A.digest).where(_A.expires_at < now_ms() - REMEMBERED_MS).limit(limit)
        return self._connection.execute(delete(AUTHORIZATION_CODE).where(_A.digest.in_(dead))).rowcount


def _facts(row: Row[Any], roles: frozenset[str]) -> CodeFacts:
    values = {name: getattr(row, name) for name in NewCode.__dataclass_fields__}
    ends = row.session_absolute_expires_at
    return CodeFacts(
        code=NewCode(**values | {"digest": bytes(row.digest), "scope": frozenset(row.scope), "amr": tuple(row.amr)}),
        expires_at=row.expires_at,
        consumed_at=row.consumed_at,
        family_id=None if row.family_id is None else bytes(row.family_id),
        account_live=row.account_disabled_at is None,
        session_live=ends is not None and row.session_ended_at is None and ends > row.now,
        roles=roles,
        person=person_of(row),
        now_ms=int(row.now),
    )
