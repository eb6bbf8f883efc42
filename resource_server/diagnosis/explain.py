"""Why the verifier took a token or refused it, check by check.

The verdict is the guard's own. The rows before the one that refused passed; for those after it the verifier's own functions are asked once
more with that rule met, so that somebody who mends one thing is not sent back for the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from resource_server.diagnosis.mistakes import MALFORMED, recognise
from resource_server.diagnosis.paste import ENCRYPTED_TOKEN, Paste, tidy
from resource_server.diagnosis.report import Check, Report, State, Verdict, unique
from resource_server.diagnosis.sight import Sight, claim_faults, look, with_type
from resource_server.verifier.errors import TokenRefused, Undecided, WrongType
from resource_server.verifier.policy import Policy
from resource_server.verifier.verify import find_key_id
from shared import claims as names
from shared import jose

Words = Callable[[Sight], str | None]
Wanted = Callable[[Policy], str | None]

_UNVOUCHED: Final = "as the token says"
_NOTE: Final = f"Its signature was not found good: nobody vouches for what stands here {_UNVOUCHED}."


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the report: which refusals belong to it, and what it shows."""

    name: str
    reasons: frozenset[str]
    setting: str | None
    got: Words
    expected: Wanted


def _quiet(_: object) -> str | None:
    return None


def _header(name: str) -> Words:
    return lambda sight: repr(sight.header[name]) if name in sight.header else None


def _times(sight: Sight) -> str | None:
    times = [(name, sight.seconds(name)) for name in (names.ISSUED_AT, names.NOT_BEFORE)]
    return ", ".join(f"{name} {_moment(at)}" for name, at in times if at is not None) or None


def _lifetime(sight: Sight) -> str | None:
    expires_at, issued_at = sight.seconds("exp"), sight.seconds("iat")
    return None if expires_at is None or issued_at is None else f"{expires_at - issued_at} s"


def _expiry(sight: Sight) -> str | None:
    expires_at = sight.seconds("exp")
    return None if expires_at is None else f"exp {_moment(expires_at)}"


def _claim_names(sight: Sight) -> str | None:
    return ", ".join(sorted(sight.claims)) or None


def _moment(at: int) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(at)


def _some(text: str) -> Wanted:
    return lambda _policy: text


def _token_types(policy: Policy) -> str:
    return " or ".join(repr(typ) if typ else "none at all" for typ in sorted(policy.profile.token_types))


# In the verifier's order.
ROWS: Final = (
    Row(
        "form",
        frozenset({"no_token", "invalid_request", "malformed_token", "token_too_large", "forbidden_header", "undecryptable"}),
        None,
        _quiet,
        _some(f"three parts of canonical base64url, at most {jose.MAX_COMPACT_BYTES} bytes, a header that brings no key"),
    ),
    Row("type", frozenset({"wrong_type"}), "RESOURCE_SERVER_PROFILE", _header("typ"), _token_types),
    Row(
        "algorithm",
        frozenset({"algorithm_not_allowed"}),
        "RESOURCE_SERVER_ALGORITHMS",
        _header("alg"),
        lambda policy: ", ".join(sorted(policy.algorithms)),
    ),
    Row("issuer_keys", frozenset({"keys_unavailable"}), "RESOURCE_SERVER_METADATA_URL", _quiet, _some("the issuer's key set")),
    Row(
        "key",
        frozenset({"unknown_key", "revoked_key"}),
        "RESOURCE_SERVER_ISSUER",
        lambda sight: f"kid {sight.header['kid']!r}" if "kid" in sight.header else None,
        _some("a key that the issuer publishes and has not burned"),
    ),
    Row("signature", frozenset({"bad_signature"}), None, _quiet, _some("the signature of that key over these very bytes")),
    Row("claims", frozenset({"missing_claim", "bad_claim"}), None, _claim_names, _some(f"at least {', '.join(names.REQUIRED)}")),
    Row(
        "issuer",
        frozenset({"wrong_issuer"}),
        "RESOURCE_SERVER_ISSUER",
        lambda sight: sight.text("iss"),
        lambda policy: policy.issuer,
    ),
    Row(
        "audience",
        frozenset({"wrong_audience"}),
        "RESOURCE_SERVER_AUDIENCE",
        lambda sight: ", ".join(sight.audiences) or None,
        lambda policy: ", ".join(sorted(policy.audiences)),
    ),
    Row(
        "expiry",
        frozenset({"expired"}),
        "RESOURCE_SERVER_LEEWAY",
        _expiry,
        lambda policy: f"later than now, with {policy.leeway} s of leeway",
    ),
    Row(
        "clock",
        frozenset({"issued_in_the_future", "not_yet_valid"}),
        "RESOURCE_SERVER_LEEWAY",
        _times,
        lambda policy: f"not later than now, with {policy.leeway} s of leeway",
    ),
    Row("lifetime", frozenset({"lifetime_too_long"}), None, _lifetime, lambda policy: f"1 to {policy.max_lifetime} s"),
    Row("binding", frozenset({"bound_token"}), None, _quiet, _some("no `cnf`, for it came as a plain bearer token")),
    Row(
        "revocation",
        frozenset({"revoked", "revocations_unknown"}),
        "RESOURCE_SERVER_SILENT_FEED",
        _quiet,
        _some("no entry of the issuer's revocation feed that names it"),
    ),
    Row(
        "permission",
        frozenset(
            {
                "insufficient_scope",
                "missing_role",
                "missing_permission",
                "person_required",
                "insufficient_user_authentication",
                "origin_not_allowed",
            }
        ),
        None,
        lambda sight: sight.text("scope"),
        _some("what the route asks for"),
    ),
)
_FIRST_OF_CLAIMS: Final = next(i for i, row in enumerate(ROWS) if row.name == "claims")
# What the claims alone can answer ends here: what was revoked, and what the route asks, was not looked at.
_REVOCATION: Final = next(i for i, row in enumerate(ROWS) if row.name == "revocation")
_PERMISSION: Final = len(ROWS) - 1


def _as_it_is(token: str) -> str:
    return token


def explain(
    text: str, verify: Callable[[str], object], policy: Policy, now: int, *, open_nested: Callable[[str], str] = _as_it_is
) -> Report:
    """Return the report on what somebody pasted.

    Args:
        verify: the guard's `verify`, and whatever else a route asks; raises `TokenRefused`.
        policy: what that guard asks of a token, for the words.
        now: seconds since the epoch.
        open_nested: returns what is inside an encrypted token, and any other token as it is; raises `TokenRefused`.
    """
    paste, refusal = tidy(text), None
    token = paste.token
    try:
        token = open_nested(paste.token)
        verify(paste.token)
    except TokenRefused as refused:
        refusal = refused
    sight = look(token)
    if refusal is None or refusal.reason != "malformed_token":
        # The guard knows what to do with it.
        paste = replace(paste, mistakes=tuple(mistake for mistake in paste.mistakes if mistake is not ENCRYPTED_TOKEN))
    faults = _faults(refusal, token, sight, policy, now)
    mistakes = [*paste.mistakes, *recognise(list(faults), sight, policy)]
    if paste.mistakes:
        mistakes = [mistake for mistake in mistakes if mistake is not MALFORMED]  # the paste says how it came to that
    checks = (_paste_check(paste), *_checks(refusal, faults, sight, policy, paste))
    return Report(
        verdict=_verdict(refusal),
        summary=_summary(refusal, paste),
        checks=checks,
        mistakes=unique(mistakes),
        reason=refusal.reason if refusal else None,
        status=refusal.status if refusal else None,
        note=_NOTE if any(check.detail == _UNVOUCHED for check in checks) else None,
    )


def _verdict(refusal: TokenRefused | None) -> Verdict:
    if refusal is None:
        return Verdict.GOOD
    return Verdict.UNDECIDED if isinstance(refusal, Undecided) else Verdict.REFUSED


def _summary(refusal: TokenRefused | None, paste: Paste) -> str:
    if refusal is not None:
        return f"{'undecided' if isinstance(refusal, Undecided) else 'refused'}: {refusal.reason} ({refusal.status})"
    return "accepted, once what was pasted around it is taken off" if paste.mistakes else "accepted"


def _faults(refusal: TokenRefused | None, token: str, sight: Sight, policy: Policy, now: int) -> dict[str, TokenRefused]:
    """Return the refusal and every further one that would have come after it, by reason, in the verifier's order."""
    if refusal is None:
        return {}
    faults = [refusal]
    if isinstance(refusal, WrongType):
        try:
            find_key_id(with_type(token, sight.header, jose.ACCESS_TOKEN_TYPE), policy)
        except TokenRefused as further:
            faults.append(further)
    if sight.claims and _position(refusal.reason) != _PERMISSION:
        faults += claim_faults(sight.claims, policy, now)
    found: dict[str, TokenRefused] = {}
    for fault in faults:
        found.setdefault(fault.reason, fault)
    return found


def _position(reason: str) -> int | None:
    return next((i for i, row in enumerate(ROWS) if reason in row.reasons), None)


def _paste_check(paste: Paste) -> Check:
    if not paste.mistakes:
        return Check("paste", State.PASSED)
    told = paste.mistakes[0]
    return Check("paste", State.WARNING, expected="the bare token, one word", detail=told.meaning, todo=told.todo)


def _checks(
    refusal: TokenRefused | None, faults: Mapping[str, TokenRefused], sight: Sight, policy: Policy, paste: Paste
) -> list[Check]:
    stopped_at = len(ROWS) if refusal is None else _position(refusal.reason)
    checks = [_check(i, row, stopped_at, faults, sight, policy) for i, row in enumerate(ROWS)]
    if paste.mistakes:
        # What was pasted is why it has no good form.
        checks = [replace(c, todo=paste.mistakes[-1].todo) if c.name == ROWS[0].name and c.todo else c for c in checks]
    if refusal is not None and stopped_at is None:
        # A reason that has no row of its own yet is told all the same.
        checks.append(Check(refusal.reason, State.FAILED, detail=refusal.hint or refusal.description))
    return checks


def _check(
    position: int,
    row: Row,
    stopped_at: int | None,
    faults: Mapping[str, TokenRefused],
    sight: Sight,
    policy: Policy,
) -> Check:
    fault = next((fault for reason, fault in faults.items() if reason in row.reasons), None)
    if fault is not None:
        todo = next((mistake.todo for mistake in recognise([fault.reason], sight, policy)), None)
        return Check(
            row.name, State.FAILED, row.got(sight), row.expected(policy), row.setting, fault.hint or fault.description, todo
        )
    if stopped_at is None or position < stopped_at:
        return Check(row.name, State.PASSED, row.got(sight))
    known = _FIRST_OF_CLAIMS <= position < _REVOCATION and sight.claims and not _hides(faults)
    if known and stopped_at >= _FIRST_OF_CLAIMS:
        return Check(row.name, State.PASSED, row.got(sight))
    if known:
        return Check(row.name, State.PASSED, row.got(sight), detail=_UNVOUCHED)
    return Check(row.name, State.NOT_REACHED, row.got(sight))


def _hides(faults: Mapping[str, TokenRefused]) -> bool:
    """Say whether a fault of the claims kept the verifier from going on to the next rule."""
    return bool({"missing_claim", "bad_claim"} & faults.keys())
