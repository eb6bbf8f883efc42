"""Registered clients and the digests of their secrets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Row,
    Table,
    Text,
    bindparam,
    delete,
    false,
    insert,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from auth_server.protocol.client import SIGN_IN_MEMBERS, Client, ClientSecret, ExchangePolicy, TrustedIssuer
from auth_server.store.schema import METADATA, Digest, Milliseconds, Number, Words, now_ms

CLIENT: Final = Table(
    "client",
    METADATA,
    Column("client_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("auth_method", Text, nullable=False),
    Column("grants", Words, nullable=False),
    Column("scope", Words, nullable=False),
    Column("default_resource", Text),
    Column("redirect_uris", Words, nullable=False),
    Column("post_logout_redirect_uris", Words, nullable=False),
    Column("rotates_refresh_tokens", Boolean),
    Column("signing_alg", Text),
    Column("requires_pkce", Boolean, nullable=False, server_default=true()),
    Column("requires_pushed_requests", Boolean, nullable=False, server_default=false()),
    Column("asks_for_consent", Boolean, nullable=False, server_default=true()),
    Column("subject_type", Text, nullable=False, server_default="public"),
    Column("sector", Text),
    Column("backchannel_logout_uri", Text),
    Column("backchannel_logout_session_required", Boolean, nullable=False, server_default=false()),
    Column("default_max_age", Number),
    Column("logo_uri", Text),
    Column("client_uri", Text),
    Column("policy_uri", Text),
    Column("tos_uri", Text),
    Column("created_at", Milliseconds, nullable=False),
    Column("disabled_at", Milliseconds),
    # Public keys, and whose word counts as this client's proof: JSON, read by whoever verifies.
    Column("jwks", Text),
    Column("jwks_uri", Text),
    Column("trusted_issuers", Text),
    Column("introspects", Words),
    Column("exchange_audiences", Words),
    Column("exchange_subject_clients", Words),
    Column("is_dynamic", Boolean),
)

CLIENT_SECRET: Final = Table(
    "client_secret",
    METADATA,
    Column("client_id", Text, ForeignKey("client.client_id", ondelete="CASCADE"), primary_key=True),
    # Two clients that were given one secret have it each for itself.
    Column("digest", Digest, primary_key=True),
    Column("created_at", Milliseconds, nullable=False),
    Column("expires_at", Number),
)

_SELECT: Final = select(
    CLIENT, CLIENT_SECRET.c.digest.label("secret_digest"), CLIENT_SECRET.c.expires_at.label("secret_expires_at")
).select_from(CLIENT.outerjoin(CLIENT_SECRET, CLIENT_SECRET.c.client_id == CLIENT.c.client_id))
_FIND: Final = _SELECT.where(CLIENT.c.client_id == bindparam("cid"))


class Clients:
    """Clients within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, client_id: str) -> Client | None:
        """Return a client with its secrets' digests, disabled ones too; None when there is none."""
        rows = self._connection.execute(_FIND, {"cid": client_id}).all()
        return _client(rows) if rows else None

    def after(self, client_id: str, limit: int) -> list[Client]:
        """Return up to `limit` clients behind `client_id` in the order of their names, for a paged list."""
        page = select(CLIENT.c.client_id).where(CLIENT.c.client_id > client_id).order_by(CLIENT.c.client_id).limit(limit)
        rows = self._connection.execute(_SELECT.where(CLIENT.c.client_id.in_(page)).order_by(CLIENT.c.client_id)).all()
        grouped: dict[str, list[Row[Any]]] = {}
        for row in rows:
            grouped.setdefault(row.client_id, []).append(row)
        return [_client(group) for group in grouped.values()]

    def create(self, client: Client) -> bool:
        """Store a client; False when its name is taken, and then nothing changes."""
        values = _columns(client) | {"client_id": client.client_id, "created_at": now_ms()}
        statement = upsert(CLIENT).values(**values).on_conflict_do_nothing().returning(CLIENT.c.client_id)
        if self._connection.execute(statement).first() is None:
            return False
        for secret in client.secrets:
            self.add_secret(client.client_id, secret)
        return True

    def update(self, client: Client) -> bool:
        """Change a client's registration, not its secrets; False when there is none."""
        statement = update(CLIENT).where(CLIENT.c.client_id == client.client_id).values(**_columns(client))
        return self._connection.execute(statement).rowcount == 1

    def disable(self, client_id: str) -> bool:
        """Disable a client; False when there is none or it was disabled already."""
        statement = update(CLIENT).where(CLIENT.c.client_id == client_id, CLIENT.c.disabled_at.is_(None))
        return self._connection.execute(statement.values(disabled_at=now_ms())).rowcount == 1

    def enable(self, client_id: str) -> bool:
        """Enable a disabled client; False when there is none or it was not disabled."""
        statement = update(CLIENT).where(CLIENT.c.client_id == client_id, CLIENT.c.disabled_at.is_not(None))
        return self._connection.execute(statement.values(disabled_at=None)).rowcount == 1

    def delete(self, client_id: str) -> bool:
        """Delete a client and its secrets; False when there is none."""
        return self._connection.execute(delete(CLIENT).where(CLIENT.c.client_id == client_id)).rowcount == 1

    def add_secret(self, client_id: str, secret: ClientSecret) -> None:
        """Store the digest of a new secret."""
        row = {"client_id": client_id, "digest": secret.digest, "expires_at": secret.expires_at, "created_at": now_ms()}
        self._connection.execute(insert(CLIENT_SECRET).values(**row))

    def expire_secrets(self, client_id: str, expires_at: int) -> None:
        """Let every secret of a client that has no end yet, or a later one, end at `expires_at` (seconds)."""
        end = CLIENT_SECRET.c.expires_at
        statement = update(CLIENT_SECRET).where(CLIENT_SECRET.c.client_id == client_id, end.is_(None) | (end > expires_at))
        self._connection.execute(statement.values(expires_at=expires_at))


def _columns(client: Client) -> dict[str, Any]:
    return {
        "name": client.name,
        "auth_method": client.auth_method,
        "grants": tuple(sorted(client.grants)),
        "scope": tuple(sorted(client.scope)),
        "default_resource": client.default_resource,
        "redirect_uris": client.redirect_uris,
        "post_logout_redirect_uris": client.post_logout_redirect_uris,
        "rotates_refresh_tokens": client.rotates_refresh_tokens,
        "signing_alg": client.signing_alg,
        **_proofs(client),
        "introspects": tuple(sorted(client.introspects)) or None,
        "exchange_audiences": tuple(sorted(client.exchange.audiences)) if client.exchange else None,
        "exchange_subject_clients": tuple(sorted(client.exchange.subject_clients)) if client.exchange else None,
        "is_dynamic": client.is_dynamic or None,
    } | {name: getattr(client, name) for name in SIGN_IN_MEMBERS}


def _proofs(client: Client) -> dict[str, Any]:
    trusted = [{name: getattr(each, name) for name in TrustedIssuer.__dataclass_fields__} for each in client.trusted_issuers]
    return {"jwks": client.jwks, "jwks_uri": client.jwks_uri, "trusted_issuers": json.dumps(trusted) if trusted else None}


def _exchange(row: Row[Any]) -> ExchangePolicy | None:
    if row.exchange_audiences is None:
        return None
    return ExchangePolicy(frozenset(row.exchange_audiences), frozenset(row.exchange_subject_clients or ()))


def _client(rows: Sequence[Row[Any]]) -> Client:
    row = rows[0]
    return Client(
        client_id=row.client_id,
        name=row.name,
        auth_method=row.auth_method,
        grants=frozenset(row.grants),
        scope=frozenset(row.scope),
        default_resource=row.default_resource,
        redirect_uris=tuple(row.redirect_uris),
        post_logout_redirect_uris=tuple(row.post_logout_redirect_uris),
        secrets=tuple(ClientSecret(bytes(r.secret_digest), r.secret_expires_at) for r in rows if r.secret_digest is not None),
        rotates_refresh_tokens=row.rotates_refresh_tokens,
        signing_alg=row.signing_alg,
        disabled=row.disabled_at is not None,
        created_at=row.created_at // 1000,
        jwks=row.jwks,
        jwks_uri=row.jwks_uri,
        trusted_issuers=tuple(TrustedIssuer(**each) for each in json.loads(row.trusted_issuers or "[]")),
        introspects=frozenset(row.introspects or ()),
        exchange=_exchange(row),
        is_dynamic=bool(row.is_dynamic),
        is_unverified=bool(row.is_dynamic),
        **{name: getattr(row, name) for name in SIGN_IN_MEMBERS},
    )
