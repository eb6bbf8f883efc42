"""What comes next for an authorization request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.interaction.next_step import PAGES, Next, Progress, SessionFacts, Step, next_step
from auth_server.protocol.authorization_request import AuthorizationRequest
from tests.support.builders import NOW

PASSWORD = "urn:acr:password"
KEY = "urn:acr:key"
ALICE = SessionFacts("alice", NOW - 100, PASSWORD)
BOB = SessionFacts("bob", NOW - 200, PASSWORD)


def _request(**members: Any) -> AuthorizationRequest:
    return AuthorizationRequest(**({"client_id": "app", "redirect_uri": "https://app.example/cb"} | members))


def _next(*sessions: SessionFacts, progress: Progress | None = None, consent: bool = True, **members: Any) -> Next:
    return next_step(
        _request(**members),
        sessions,
        progress or Progress(),
        asks_for_consent=consent,
        reachable_acr=frozenset({PASSWORD}),
        now=NOW,
    )


def _essential(value: str) -> str:
    return json.dumps({"id_token": {"acr": {"essential": True, "value": value}}})


def test_somebody_signed_in_who_allowed_everything_needs_no_page() -> None:
    assert _next(ALICE) == Next(Step.DONE, ALICE)


@pytest.mark.parametrize(
    "step, sessions, members",
    [
        (Step.LOGIN, (), {}),
        (Step.LOGIN, (SessionFacts("bob", NOW, PASSWORD, is_wanted=False),), {}),
        (Step.CHOOSE, (ALICE, BOB), {}),
        (Step.CHOOSE, (ALICE,), {"prompt": frozenset({"select_account"})}),
        (Step.STEP_UP, (ALICE,), {"prompt": frozenset({"login"})}),
        (Step.STEP_UP, (ALICE,), {"max_age": 100}),
        (Step.STEP_UP, (ALICE,), {"max_age": 0}),
        (Step.STEP_UP, (SessionFacts("a", NOW, KEY),), {"acr_values": (PASSWORD,)}),
        (Step.CONSENT, (SessionFacts("a", NOW, PASSWORD, frozenset({"openid"})),), {}),
        (Step.CONSENT, (ALICE,), {"prompt": frozenset({"consent"})}),
        (Step.DONE, (ALICE,), {"max_age": 101}),
        # Asked for and unknown here: acr_values is a wish (OpenID Connect Core section 3.1.2.1).
        (Step.DONE, (ALICE,), {"acr_values": (KEY,)}),
        (Step.REFUSED, (ALICE,), {"claims_text": _essential(KEY)}),
        (Step.DONE, (ALICE,), {"claims_text": _essential(PASSWORD)}),
    ],
)
def test_each_reason_for_a_page(step: Step, sessions: tuple[SessionFacts, ...], members: dict[str, Any]) -> None:
    assert _next(*sessions, **members).step is step


@pytest.mark.parametrize(
    "error, sessions, members",
    [
        ("login_required", (), {}),
        ("account_selection_required", (ALICE, BOB), {}),
        ("login_required", (ALICE,), {"max_age": 1}),
        ("consent_required", (SessionFacts("a", NOW, PASSWORD, frozenset({"openid"})),), {}),
    ],
)
def test_silence_has_an_error_for_each_page(error: str, sessions: tuple[SessionFacts, ...], members: dict[str, Any]) -> None:
    outcome = _next(*sessions, prompt=frozenset({"none"}), **members)

    assert (outcome.step, outcome.error) == (Step.REFUSED, error)


def test_a_sign_in_for_this_request_satisfies_prompt_login_and_max_age_however_old_it_is() -> None:
    progress = Progress("alice", authenticated=True)

    assert _next(ALICE, progress=progress, prompt=frozenset({"login"}), max_age=0).step is Step.DONE


def test_a_session_that_was_only_chosen_does_not_satisfy_prompt_login() -> None:
    assert _next(ALICE, progress=Progress("alice"), prompt=frozenset({"login"})).step is Step.STEP_UP


def test_the_chosen_account_goes_on() -> None:
    assert _next(ALICE, BOB, progress=Progress("bob"), prompt=frozenset({"select_account"})) == Next(Step.DONE, BOB)


def test_a_consent_counts_for_the_session_and_the_scopes_it_was_given_for() -> None:
    wants = SessionFacts("alice", NOW, PASSWORD, frozenset({"openid", "email"}))
    fits = Progress(approved_sid="alice", approved_scope=frozenset({"openid", "email"}))
    less = Progress(approved_sid="alice", approved_scope=frozenset({"openid"}))
    other = Progress(approved_sid="bob", approved_scope=frozenset({"openid", "email"}))

    assert [_next(wants, progress=progress).step for progress in (fits, less, other)] == [
        Step.DONE,
        Step.CONSENT,
        Step.CONSENT,
    ]


def test_a_client_of_the_operator_asks_for_nothing() -> None:
    assert _next(SessionFacts("a", NOW, PASSWORD, frozenset({"openid"})), consent=False).step is Step.DONE


def test_a_refusal_ends_it_whatever_else_holds() -> None:
    assert _next(ALICE, progress=Progress(denied=True)).step is Step.DENIED


_SESSIONS = st.lists(
    st.builds(
        SessionFacts,
        sid=st.sampled_from(["a", "b", "c"]),
        auth_time=st.integers(NOW - 1000, NOW),
        acr=st.sampled_from([PASSWORD, KEY]),
        missing_scope=st.sampled_from([frozenset(), frozenset({"openid"})]),
        is_wanted=st.booleans(),
    ),
    max_size=3,
)
_PROGRESS = st.builds(
    Progress,
    sid=st.sampled_from([None, "a", "b"]),
    authenticated=st.booleans(),
    approved_sid=st.sampled_from([None, "a", "b"]),
    approved_scope=st.sampled_from([frozenset(), frozenset({"openid"})]),
    denied=st.booleans(),
)
_MEMBERS = st.fixed_dictionaries(
    {
        "max_age": st.sampled_from([None, 0, 10, 10_000]),
        "acr_values": st.sampled_from([(), (PASSWORD,), (KEY,)]),
        "claims_text": st.sampled_from([None, _essential(PASSWORD), _essential(KEY)]),
    }
)


@given(_SESSIONS, _PROGRESS, _MEMBERS, st.booleans())
def test_law_of_silence(sessions: list[SessionFacts], progress: Progress, members: dict[str, Any], consent: bool) -> None:
    outcome = _next(*sessions, progress=progress, consent=consent, prompt=frozenset({"none"}), **members)

    assert outcome.step not in PAGES


@given(_SESSIONS, _PROGRESS, _MEMBERS, st.sampled_from(["login", "consent", "select_account"]))
def test_done_is_only_for_a_session_that_is_wanted_and_after_what_was_asked(
    sessions: list[SessionFacts], progress: Progress, members: dict[str, Any], prompt: str
) -> None:
    outcome = _next(*sessions, progress=progress, prompt=frozenset({prompt}), **members)

    if outcome.step is Step.DONE:
        assert outcome.session is not None
        assert outcome.session.is_wanted
        assert prompt != "login" or (progress.authenticated and progress.sid == outcome.session.sid)
        assert prompt != "consent" or progress.approved_sid == outcome.session.sid
        assert prompt != "select_account" or progress.sid == outcome.session.sid
