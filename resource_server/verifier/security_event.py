"""From bytes to what a security event token tells: signature first, then issuer, audience, and the event (RFC 8417, SSF 1.0, CAEP 1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from resource_server.verifier import compact as compact_form
from resource_server.verifier.errors import TokenRefused, UnknownKey
from resource_server.verifier.key_set import KeySet
from resource_server.verifier.policy import Policy
from resource_server.verifier.revoked import Revoked
from resource_server.verifier.signature import check_signature
from resource_server.verifier.strict_json import FrozenObject, parse_object
from shared import base64url, jose
from shared.revocation import MAX_KEY_CHARACTERS, RevocationEntry, RevocationKind

SESSION_REVOKED: Final = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
CREDENTIAL_CHANGE: Final = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
VERIFICATION: Final = "https://schemas.openid.net/secevent/ssf/event-type/verification"

MAX_SET_BYTES: Final = 16 * 1024
_TYPES: Final = frozenset({jose.SECURITY_EVENT_TYPE, f"application/{jose.SECURITY_EVENT_TYPE}"})


class SetRefused(Exception):
    """Nothing of this token may be taken. `code` is the registered one (RFC 8935 section 2.4); the text is for the operator."""

    def __init__(self, code: str, hint: str) -> None:
        super().__init__(hint)
        self.code = code


class SetByUnknownKey(SetRefused):
    """No key at hand can settle it. `key_id` is the one to look for."""

    def __init__(self, key_id: str) -> None:
        super().__init__("invalid_key", f"signed with an unknown key {key_id!r}")
        self.key_id = key_id


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """A verified token: what it ends here, and `state` of a verification. `event` is the event's URI."""

    jti: str
    event: str
    ends: RevocationEntry | None
    state: str | None = None


def peek_set_issuer(compact: bytes) -> str:
    """Return what a token says its issuer is; nothing is verified, so this chooses who shall judge it and no more.

    Raises:
        SetRefused: no acceptable form.
    """
    try:
        _, payload, _, _ = compact_form.split(compact, MAX_SET_BYTES)
        issuer = parse_object(base64url.decode(payload)).get("iss")
    except (TokenRefused, ValueError) as error:
        raise SetRefused("invalid_request", f"no security event token: {error}") from error
    return issuer if isinstance(issuer, str) else ""


def verify_set(
    compact: bytes, key_set: KeySet, revoked: Revoked, policy: Policy, *, audiences: frozenset[str], until: int
) -> SecurityEvent:
    """Return what a token tells.

    There is no bound on its age: one may wait for days, and what it ends stays ended.

    Args:
        revoked: what is known already; a burned key vouches for nothing.
        audiences: a token must name one of them.
        until: seconds since the epoch, when the last token that it could end has expired.

    Raises:
        SetByUnknownKey: look for the key, and verify once more.
        SetRefused: why not.
    """
    try:
        header, payload, signing_input, signature = compact_form.split(compact, MAX_SET_BYTES)
        key = key_set.find(compact_form.parse_header(header, _TYPES))
        if key.algorithm not in policy.algorithms:
            raise SetRefused("invalid_key", f"got alg {key.algorithm!r} (setting: algorithms)")
        check_signature(key, signing_input, signature)
        claims = parse_object(base64url.decode(payload))
    except UnknownKey as unknown:
        raise SetByUnknownKey(unknown.key_id) from unknown
    except TokenRefused as refusal:
        code = "authentication_failed" if refusal.reason == "bad_signature" else "invalid_request"
        raise SetRefused(code, f"{refusal.reason}: {refusal.hint}") from refusal
    except ValueError as error:
        raise SetRefused("invalid_request", f"payload: {error}") from error
    if revoked.is_burned(key.key_id):
        raise SetRefused("invalid_key", f"signed with the burned key {key.key_id!r}")
    _check_claims(claims, policy.issuer, audiences)
    return _event(claims, policy.issuer, until)


def _check_claims(claims: FrozenObject, issuer: str, audiences: frozenset[str]) -> None:
    if claims.get("iss") != issuer:
        raise SetRefused("invalid_issuer", f"got iss {claims.get('iss')!r}, expected {issuer!r}")
    named = claims.get("aud")
    for_whom = {named} if isinstance(named, str) else set(filter(_is_text, named)) if isinstance(named, tuple) else set()
    if audiences.isdisjoint(for_whom):
        raise SetRefused("invalid_audience", f"got aud {named!r}, expected one of {sorted(audiences)}")
    # Either would be another kind of token, dressed up (SSF 1.0 sections 4.1.2 and 4.1.7).
    if "sub" in claims or "exp" in claims:
        raise SetRefused("invalid_request", "`sub` or `exp`, which a security event token never has")


def _event(claims: FrozenObject, issuer: str, until: int) -> SecurityEvent:
    jti, events, issued_at = _text(claims, "jti"), claims.get("events"), claims.get("iat")
    if not isinstance(events, Mapping) or len(events) != 1 or not _is_whole(issued_at):
        raise SetRefused("invalid_request", "not one event with the time of its writing")
    ((uri, told),) = events.items()
    if not isinstance(told, Mapping):
        raise SetRefused("invalid_request", "the event is no object")
    if uri == VERIFICATION:
        state = told.get("state")
        return SecurityEvent(jti, uri, None, state if isinstance(state, str) else None)
    if uri not in (SESSION_REVOKED, CREDENTIAL_CHANGE):
        return SecurityEvent(jti, uri, None)  # an event that nobody asked for ends nothing
    happened_at = told.get("event_timestamp", issued_at)
    if not _is_whole(happened_at):
        raise SetRefused("invalid_request", "event_timestamp is no whole number of seconds")
    return SecurityEvent(jti, uri, _ends(claims.get("sub_id"), uri, issuer, int(str(happened_at)), until))


def _ends(about: object, uri: str, issuer: str, happened_at: int, until: int) -> RevocationEntry:
    """Return what an event ends: one session where it names one, else all that its person got until then."""
    if not isinstance(about, Mapping):
        raise SetRefused("invalid_request", "`sub_id` is no object")
    session = about.get("session") if about.get("format") == "complex" else None
    if uri == SESSION_REVOKED and isinstance(session, Mapping):
        if session.get("format") != "opaque":
            raise SetRefused("invalid_request", "the session is named in an unknown format")
        return RevocationEntry(RevocationKind.SID, _text(session, "id"), until)
    person = about.get("user") if about.get("format") == "complex" else about
    if not isinstance(person, Mapping) or person.get("format") != "iss_sub" or person.get("iss") != issuer:
        raise SetRefused("invalid_request", "`sub_id` names no person of this issuer")
    return RevocationEntry(RevocationKind.SUBJECT, _text(person, "sub"), until, happened_at)


def _text(members: Mapping[str, object], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_KEY_CHARACTERS:
        raise SetRefused("invalid_request", f"{name} is missing, no text, or too long")
    return value


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
