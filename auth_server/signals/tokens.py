"""From an event of the outbox to the security event token that a receiver gets.

It is signed when it is sent, with the key of that day: an event may wait for longer than a key is published. Its claims are the same
however often it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from auth_server.protocol.security_event import event_of, set_claims, subject_of
from auth_server.store.signals import Signal, Stream
from shared import jose


class Signs(Protocol):
    """What signs."""

    async def sign(self, claims: Mapping[str, object], typ: str, alg: str | None = None) -> str:
        """Return the compact JWS of these claims."""


@dataclass(frozen=True, slots=True)
class EventTokens:
    """Makes security event tokens of one issuer."""

    signer: Signs
    issuer: str

    async def make(self, stream: Stream, signal: Signal) -> str:
        """Return the token of one event.

        Raises:
            KeyUnavailable: nobody may sign now.
        """
        return await self.signer.sign(self._claims(stream, signal), jose.SECURITY_EVENT_TYPE)

    def _claims(self, stream: Stream, signal: Signal) -> dict[str, object]:
        about: dict[str, object] = {"format": "opaque", "id": stream.id}
        if signal.subject is not None:
            about = subject_of(self.issuer, signal.subject, signal.sid)
        return set_claims(
            issuer=self.issuer,
            audience=stream.audience,
            jti=signal.jti,
            txn=signal.txn,
            issued_at=signal.at // 1000,
            sub_id=about,
            event=event_of(signal.event, at=signal.happened_by, state=signal.state),
        )
