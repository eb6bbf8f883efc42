"""What a guard does while nothing is heard of the feed: by its own policy, and by a route's."""

from __future__ import annotations

import pytest

from resource_server.testing import reason_of
from resource_server.verifier.errors import RevocationsUnknown
from resource_server.verifier.scopes import requirement
from tests.resource_server.feeds import FakeFeed, a_token_of_session, feed_of, heard, until
from tests.resource_server.support import Events, IssuerServer, a_guard


class _Silence:
    """A clock on which the feed falls silent when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_silent_feed_leaves_an_open_guard_to_exp_and_says_so(issuer: IssuerServer, feed: FakeFeed) -> None:
    clock, events = _Silence(), Events()
    with a_guard(issuer, monotonic=clock, on_event=events) as guard:
        guard.warm()
        feed.status = 500
        feed.interrupt()
        clock.now += 16
        until(lambda: events.named("feed_silent"))

        assert reason_of(guard, a_token_of_session(issuer)) is None
        readiness = guard.ready()
        assert readiness.ready
        assert any("revocation feed" in warning and "16 s ago" in warning for warning in readiness.warnings)
        assert guard.statistics()["feed_silent"] == 1

        feed.status = 200
        until(lambda: events.named("feed_heard"))
        assert guard.statistics()["feed_silent"] == 0


def test_a_silent_feed_makes_a_closed_guard_answer_503(issuer: IssuerServer, feed: FakeFeed) -> None:
    clock = _Silence()
    with a_guard(issuer, monotonic=clock, silent_feed="closed") as guard:
        guard.warm()
        feed.revoke("sid", "s9")
        heard(guard, 2)
        assert reason_of(guard, a_token_of_session(issuer)) is None
        feed.status = 500
        feed.interrupt()
        clock.now += 16

        with pytest.raises(RevocationsUnknown) as refused:
            guard.verify(a_token_of_session(issuer))
        assert (refused.value.status, refused.value.retry_after) == (503, 1)
        # What is known to be revoked is known.
        assert reason_of(guard, a_token_of_session(issuer, sid="s9")) == "revoked"
        assert not guard.ready()


def test_a_closed_guard_wants_an_issuer_that_has_a_feed(issuer: IssuerServer) -> None:
    with a_guard(issuer, silent_feed="closed") as guard:
        readiness = guard.warm()

        assert not readiness
        assert "the issuer has none" in readiness.reasons[0]
        assert reason_of(guard, a_token_of_session(issuer)) == "revocations_unknown"


def test_an_issuer_without_a_feed_is_verified_as_ever(issuer: IssuerServer) -> None:
    with a_guard(issuer) as guard:
        readiness = guard.warm()

        assert (readiness.ready, readiness.warnings) == (True, ())
        assert reason_of(guard, a_token_of_session(issuer)) is None
        assert feed_of(guard).clearance is None
        assert guard.statistics()["feed_followed"] == 0


def test_a_snapshot_may_be_required_before_anything_is_accepted(issuer: IssuerServer, feed: FakeFeed) -> None:
    feed.status = 500
    with a_guard(issuer, require_snapshot=True) as guard:
        until(lambda: reason_of(guard, a_token_of_session(issuer)) == "revocations_unknown" and feed.questions)
        assert not guard.ready()
        feed.status = 200
        until(lambda: reason_of(guard, a_token_of_session(issuer)) is None)

        assert guard.ready()


def test_one_route_may_ask_for_more_than_the_guard(issuer: IssuerServer, feed: FakeFeed) -> None:
    clock = _Silence()
    with a_guard(issuer, monotonic=clock) as guard:
        guard.warm()
        who = guard.verify(a_token_of_session(issuer))
        guard.check(who, requirement(silent_feed="closed"))
        feed.status = 500
        feed.interrupt()
        clock.now += 16

        guard.check(who, requirement(silent_feed="open"))
        with pytest.raises(RevocationsUnknown):
            guard.check(who, requirement(silent_feed="closed"))
