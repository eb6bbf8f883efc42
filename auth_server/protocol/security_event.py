"""Security event tokens of the Shared Signals Framework: their types, and the claims of one (RFC 8417, SSF 1.0, CAEP 1.0)."""

from __future__ import annotations

from typing import Final

SESSION_REVOKED: Final = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
CREDENTIAL_CHANGE: Final = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
VERIFICATION: Final = "https://schemas.openid.net/secevent/ssf/event-type/verification"

# What a stream can be asked for; a verification event comes over any of them.
EVENTS: Final = (SESSION_REVOKED, CREDENTIAL_CHANGE)

PUSH: Final = "urn:ietf:rfc:8935"
POLL: Final = "urn:ietf:rfc:8936"
METHODS: Final = (PUSH, POLL)

ENABLED: Final = "enabled"
PAUSED: Final = "paused"
DISABLED: Final = "disabled"
STATUSES: Final = (ENABLED, PAUSED, DISABLED)

MEDIA_TYPE: Final = "application/secevent+jwt"


def subject_of(issuer: str, subject: str, sid: str | None) -> dict[str, object]:
    """Return the `sub_id` of a person, or of one session of theirs (SSF 1.0 section 3, RFC 9493 section 3.2)."""
    person = {"format": "iss_sub", "iss": issuer, "sub": subject}
    if sid is None:
        return {**person}
    return {"format": "complex", "user": person, "session": {"format": "opaque", "id": sid}}


def set_claims(
    *,
    issuer: str,
    audience: tuple[str, ...],
    jti: str,
    txn: str,
    issued_at: int,
    sub_id: dict[str, object],
    event: dict[str, object],
) -> dict[str, object]:
    """Return the claims. There is never a `sub` or an `exp`, so that nobody takes it for another token (SSF 1.0 section 4.1).

    Args:
        jti: unique, and the same however often this one is sent.
        txn: the same for everything that one act caused.
        issued_at: seconds since the epoch, database time.
        event: the event's URI, and what it says.
    """
    return {
        "iss": issuer,
        "aud": audience[0] if len(audience) == 1 else list(audience),
        "iat": issued_at,
        "jti": jti,
        "txn": txn,
        "sub_id": sub_id,
        "events": event,
    }


def event_of(uri: str, *, at: int, state: str | None) -> dict[str, object]:
    """Return the one event of a token.

    Args:
        at: when it happened, seconds since the epoch, rounded up: what was issued until then is what it ends.
        state: what the receiver gave for a verification.
    """
    if uri == VERIFICATION:
        return {uri: {} if state is None else {"state": state}}
    told: dict[str, object] = {"event_timestamp": at}
    if uri == CREDENTIAL_CHANGE:
        told |= {"credential_type": "password", "change_type": "update"}
    return {uri: told}
