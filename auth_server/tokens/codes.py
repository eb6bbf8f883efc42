"""Authorization codes: made when the person is through, in one transaction with everything that follows from it."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.protocol.authorization_request import AuthorizationRequest
from auth_server.protocol.client import Client
from auth_server.store.authorization_codes import NewCode
from auth_server.store.sessions import Session
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.web.request_facts import RequestFacts

_BYTES: Final = 32
_SUBJECT_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Approved:
    """What a person is through with: the request, who it is for, in which session, and what is granted.

    `consented` are the scopes the person allowed just now, to be remembered. `interaction` is the id of the waiting request and the
    digest of its browser's cookie; None when it never had to wait.
    """

    request: AuthorizationRequest
    client: Client
    sub: str
    sid: str
    scope: frozenset[str]
    consented: frozenset[str] = frozenset()
    interaction: tuple[str, bytes] | None = None


class Codes:
    """Makes authorization codes.

    Args:
        lifetime: seconds.
        session_idle_lifetime: seconds; a code counts as a use of its session.
    """

    def __init__(self, *, store: Store, lifetime: float, session_idle_lifetime: float) -> None:
        self._store = store
        self._lifetime_ms = round(lifetime * 1000)
        self._idle_ms = round(session_idle_lifetime * 1000)

    async def issue(self, approved: Approved, facts: RequestFacts) -> str | None:
        """Store a code and return it; None when the account or the session is over, or the request was answered meanwhile.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        code = secrets.token_urlsafe(_BYTES)
        digest = hashlib.sha256(code.encode("ascii")).digest()
        stored = await self._store.run(lambda tx: self._store_code(tx, approved, digest, facts))
        return code if stored else None

    def _store_code(self, tx: Transaction, approved: Approved, digest: bytes, facts: RequestFacts) -> bool:
        client = approved.client
        account = tx.accounts.lock(approved.sub)
        session = tx.sessions.touch(approved.sid, self._idle_ms)
        if account is None or account.is_disabled or session is None or session.sub != approved.sub:
            return False
        if approved.interaction is not None and not tx.interactions.finish(*approved.interaction):
            return False
        if approved.consented:
            _remember_consent(tx, approved, facts)
        subject = _subject(tx, client, approved.sub)
        tx.authorization_codes.add(_new_code(approved, session, digest, subject), lifetime_ms=self._lifetime_ms)
        if approved.request.is_openid:
            tx.logouts.reached(approved.sid, client.client_id, subject)
        record(tx, EventName.CODE_ISSUED, facts=facts, sub=approved.sub, client_id=client.client_id, sid=approved.sid)
        return True


def _remember_consent(tx: Transaction, approved: Approved, facts: RequestFacts) -> None:
    client_id = approved.client.client_id
    tx.consents.add(approved.sub, client_id, approved.request.resource or "", approved.consented)
    detail: dict[str, str | int | bool] = {"scope": " ".join(sorted(approved.consented))}
    record(tx, EventName.CONSENT_GRANTED, facts=facts, sub=approved.sub, client_id=client_id, detail=detail)


def _new_code(approved: Approved, session: Session, digest: bytes, subject: str) -> NewCode:
    request = approved.request
    return NewCode(
        digest=digest,
        client_id=approved.client.client_id,
        sub=approved.sub,
        subject=subject,
        sid=approved.sid,
        redirect_uri=request.redirect_uri,
        redirect_uri_sent=request.redirect_uri_sent,
        code_challenge=request.code_challenge,
        scope=approved.scope,
        resource=request.resource,
        resource_sent=request.resource_sent,
        nonce=request.nonce,
        claims=request.claims_text,
        auth_time=session.auth_time,
        acr=session.acr,
        amr=session.amr,
    )


def _subject(tx: Transaction, client: Client, sub: str) -> str:
    """Return what tokens for this client call the person (OpenID Connect Core section 8)."""
    sector = client.pairwise_sector
    if sector is None:
        return sub
    return tx.pairwise_subjects.find_or_add(sub, sector, secrets.token_urlsafe(_SUBJECT_BYTES))
