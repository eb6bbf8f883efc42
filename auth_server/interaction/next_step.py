"""What comes next for an authorization request. Pure: the request, who is signed in, how far the person got, and `now`.

    denied                                          -> DENIED
    no session of the person wanted                 -> LOGIN      (account_selection_required or login_required when silent)
    several, and none chosen                        -> CHOOSE
    prompt=login, too old for max_age, weaker than
    acr_values want and could be                    -> LOGIN      (login_required when silent)
    an essential acr that nobody here can reach     -> REFUSED    unmet_authentication_requirements
    scopes never allowed, or prompt=consent         -> CONSENT    (consent_required when silent)
    else                                            -> DONE

Law: with prompt=none no page is ever asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from auth_server.protocol.authorization_request import AuthorizationRequest, Prompt


class Step(StrEnum):
    """What the person does next, or what the client is answered."""

    CHOOSE = "choose"
    LOGIN = "login"
    STEP_UP = "step_up"
    CONSENT = "consent"
    DONE = "done"
    DENIED = "denied"
    REFUSED = "refused"


# Steps that need a page.
PAGES = frozenset({Step.CHOOSE, Step.LOGIN, Step.STEP_UP, Step.CONSENT})


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A live session of this browser. `is_wanted` is False when a hint names somebody else; `auth_time` in seconds.

    `missing_scope` is what this person would have to allow the client.
    """

    sid: str
    auth_time: int
    acr: str
    missing_scope: frozenset[str] = frozenset()
    is_wanted: bool = True


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the person got with this request: the session chosen, whether it proved itself for it, and what it said."""

    sid: str | None = None
    authenticated: bool = False
    approved_sid: str | None = None
    approved_scope: frozenset[str] = frozenset()
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Next:
    """The step, the session it is about, and for REFUSED the error that the client is told."""

    step: Step
    session: SessionFacts | None = None
    error: str | None = None


def next_step(
    request: AuthorizationRequest,
    sessions: Sequence[SessionFacts],
    progress: Progress,
    *,
    asks_for_consent: bool,
    reachable_acr: frozenset[str],
    now: int,
) -> Next:
    """Say what comes next.

    Args:
        sessions: the live ones of this browser, the latest sign-in first.
        asks_for_consent: False when the client needs no consent.
        reachable_acr: authentication contexts that a sign-in here can reach.
    """
    if progress.denied:
        return Next(Step.DENIED)
    essential = request.claims.essential_acr
    if essential and essential.isdisjoint(reachable_acr):
        return Next(Step.REFUSED, error="unmet_authentication_requirements")
    chosen = _person(request, sessions, progress)
    if isinstance(chosen, Next):
        return chosen
    if _must_prove(request, chosen, progress, essential, reachable_acr, now):
        return _page(request, Step.STEP_UP, "login_required", chosen)
    if asks_for_consent and _must_ask(request, chosen, progress):
        return _page(request, Step.CONSENT, "consent_required", chosen)
    return Next(Step.DONE, chosen)


def _person(request: AuthorizationRequest, sessions: Sequence[SessionFacts], progress: Progress) -> SessionFacts | Next:
    wanted = [session for session in sessions if session.is_wanted]
    for session in wanted:
        if session.sid == progress.sid:
            return session
    if not wanted:
        return _page(request, Step.LOGIN, "login_required")
    if Prompt.SELECT_ACCOUNT in request.prompt or len(wanted) > 1:
        return _page(request, Step.CHOOSE, "account_selection_required")
    return wanted[0]


def _must_prove(
    request: AuthorizationRequest,
    session: SessionFacts,
    progress: Progress,
    essential: frozenset[str],
    reachable: frozenset[str],
    now: int,
) -> bool:
    wanted = (essential or frozenset(request.acr_values)) & reachable
    too_weak = bool(wanted) and session.acr not in wanted
    if progress.authenticated and progress.sid == session.sid:
        # Proved for this very request: however old the request is by now, and whatever max_age says. Only strength still counts,
        # and only where it must.
        return bool(essential) and too_weak
    too_old = request.max_age is not None and now - session.auth_time >= max(request.max_age, 1)
    return Prompt.LOGIN in request.prompt or request.max_age == 0 or too_old or too_weak


def _must_ask(request: AuthorizationRequest, session: SessionFacts, progress: Progress) -> bool:
    if progress.approved_sid == session.sid:
        return not session.missing_scope <= progress.approved_scope
    return Prompt.CONSENT in request.prompt or bool(session.missing_scope)


def _page(request: AuthorizationRequest, step: Step, error: str, session: SessionFacts | None = None) -> Next:
    return Next(Step.REFUSED, session, error) if request.is_silent else Next(step, session)
