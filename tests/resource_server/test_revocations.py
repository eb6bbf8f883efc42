"""A guard that follows its issuer's revocation feed: what it refuses, what it survives, and what it does when nothing is heard."""

from __future__ import annotations

import os
from typing import Any

import pytest

from resource_server.testing import reason_of
from resource_server.verifier.errors import RevokedKey, RevokedToken
from tests.resource_server.feeds import FakeFeed, a_token_of_session, heard, until
from tests.resource_server.support import (
    Events,
    IssuerServer,
    a_guard,
    a_header,
    a_token,
    claims,
    rs256,
    rsa_jwk,
    rsa_key,
)


def test_a_revoked_token_is_refused_also_when_it_was_verified_a_moment_ago(issuer: IssuerServer, feed: FakeFeed) -> None:
    with a_guard(issuer) as guard:
        guard.warm()
        token, other = a_token_of_session(issuer), a_token_of_session(issuer, jti="token-2", sid="s2", grant_id="g2")
        before = [reason_of(guard, token), reason_of(guard, token)]

        feed.revoke("sid", "s1")
        heard(guard, 2)

        assert before == [None, None]
        assert (reason_of(guard, token), reason_of(guard, other)) == ("revoked", None)


async def test_the_asynchronous_driver_refuses_it_too(issuer: IssuerServer, feed: FakeFeed) -> None:
    feed.revoke("jti", "token-1")
    with a_guard(issuer) as guard:
        await guard.awarm()

        with pytest.raises(RevokedToken):
            await guard.averify(a_token_of_session(issuer))


def test_a_token_that_was_cleared_is_held_against_every_later_entry(issuer: IssuerServer, feed: FakeFeed) -> None:
    """What was found to stand is remembered for one state of the feed, and never longer."""
    feed.revoke("sid", "other")
    with a_guard(issuer) as guard:
        guard.warm()
        token = a_token_of_session(issuer)
        guard.verify(token)  # the first look at a guard's feed also sees whether it is followed
        first = [guard.verify(token).token.cleared for _ in range(2)]

        feed.revoke("sid", "another")
        heard(guard, 2)
        second = guard.verify(token).token.cleared
        feed.revoke("sid", "s1")
        heard(guard, 3)

        assert first[0] is first[1] is not None
        assert second is not first[0]
        assert reason_of(guard, token) == "revoked"


def test_warming_reads_the_whole_feed(issuer: IssuerServer, feed: FakeFeed) -> None:
    feed.revoke("grant", "g1")
    with a_guard(issuer) as guard:
        assert guard.warm()

        assert reason_of(guard, a_token_of_session(issuer)) == "revoked"


def test_it_asks_behind_its_cursor_and_waits(issuer: IssuerServer, feed: FakeFeed) -> None:
    feed.revoke("sid", "other")
    issuer.publish(rsa_jwk(), epoch=5)
    issuer.describe(revocation_feed_endpoint=f"{issuer.url}/feed")
    feed.epoch = 5
    with a_guard(issuer) as guard:
        guard.warm()
        until(lambda: len(feed.questions) >= 2)

    assert feed.questions[:2] == [{}, {"after": "1", "wait": "10", "key_epoch": "5"}]


def test_a_gap_makes_it_ask_for_everything(issuer: IssuerServer, feed: FakeFeed) -> None:
    with a_guard(issuer) as guard:
        guard.warm()
        feed.page = lambda after: {**feed.good_page(after), **({} if after is None else {"from": 7, "entries": []})}
        feed.revoke("sid", "s1")
        until(lambda: {} in feed.questions[1:])
        feed.page = feed.good_page
        until(lambda: reason_of(guard, a_token_of_session(issuer)) == "revoked")

        assert "gap" in str(guard.issuers[issuer.url].revocations._cause()) or guard.statistics()["failed_feed_pages"] >= 1


def test_a_feed_that_counts_from_an_earlier_number_takes_nothing_back(issuer: IssuerServer, feed: FakeFeed) -> None:
    """The issuer's database was restored from a backup: what it has forgotten is remembered here."""
    feed.revoke("sid", "s1")
    feed.revoke("sid", "s2")
    with a_guard(issuer) as guard:
        guard.warm()
        feed.entries.clear()
        feed.interrupt()
        until(lambda: {"after": "0"}.items() <= feed.questions[-1].items())

        assert reason_of(guard, a_token_of_session(issuer)) == "revoked"


def test_a_large_feed_comes_in_pages(issuer: IssuerServer, feed: FakeFeed) -> None:
    for n in range(5):
        feed.revoke("sid", f"s{n}")

    def by_two(after: int | None) -> dict[str, Any]:
        page = feed.good_page(after)
        entries = page["entries"][:2]
        return {**page, "entries": entries, "to": page["from"] - 1 + len(entries), "more": len(page["entries"]) > 2}

    feed.page = by_two
    with a_guard(issuer, require_snapshot=True) as guard:
        assert guard.warm()

        assert reason_of(guard, a_token_of_session(issuer)) == "revoked"
        assert [question.get("after") for question in feed.questions[:3]] == [None, "2", "4"]
        assert not any("wait" in question for question in feed.questions[:3])


def test_a_burned_key_is_refused_at_the_speed_of_the_feed(issuer: IssuerServer, feed: FakeFeed) -> None:
    issuer.publish(rsa_jwk(), rsa_jwk("two", rsa_key("two")), epoch=1)
    issuer.describe(revocation_feed_endpoint=f"{issuer.url}/feed")
    with a_guard(issuer) as guard:
        guard.warm()
        assert reason_of(guard, a_token_of_session(issuer)) is None

        issuer.publish(rsa_jwk("two", rsa_key("two")), epoch=2, revoked=["one"])
        issuer.describe(revocation_feed_endpoint=f"{issuer.url}/feed")
        feed.header, feed.sign, feed.epoch = {"kid": "two"}, rs256(rsa_key("two")), 2
        feed.revoke("kid", "one")
        heard(guard, 2)

        with pytest.raises(RevokedKey):
            guard.verify(a_token_of_session(issuer))
        # `key_epoch` makes it ask for the keys, long before their next refresh.
        until(lambda: guard.issuers[issuer.url].keys.view.key_set.epoch == 2)
        assert guard.verify(a_token(claims(iss=issuer.url), a_header(kid="two"), rs256(rsa_key("two")))).sub == "alice"


def test_a_page_of_a_key_that_is_new_makes_it_look_for_that_key(issuer: IssuerServer, feed: FakeFeed) -> None:
    with a_guard(issuer) as guard:
        guard.warm()
        issuer.publish(rsa_jwk(), rsa_jwk("two", rsa_key("two")))
        issuer.describe(revocation_feed_endpoint=f"{issuer.url}/feed")
        feed.header, feed.sign = {"kid": "two"}, rs256(rsa_key("two"))

        feed.revoke("sid", "s1")

        until(lambda: reason_of(guard, a_token_of_session(issuer)) == "revoked")


def test_a_forged_page_is_not_taken(issuer: IssuerServer, feed: FakeFeed) -> None:
    events = Events()
    with a_guard(issuer, on_event=events) as guard:
        guard.warm()
        feed.sign = rs256(rsa_key("mallory"))
        feed.revoke("sid", "s1")
        until(lambda: events.named("feed_failed"))

        assert reason_of(guard, a_token_of_session(issuer)) is None
        assert "bad_signature" in str(events.named("feed_failed")[0]["cause"])


@pytest.mark.parametrize("algorithms", [["ES256"], ["ES256", "PS256"]])
def test_a_feed_signed_with_nothing_that_is_allowed_is_silent(
    issuer: IssuerServer, feed: FakeFeed, algorithms: list[str]
) -> None:
    issuer.describe(revocation_feed_endpoint=f"{issuer.url}/feed", revocation_feed_signing_alg_values_supported=algorithms)
    events = Events()
    with a_guard(issuer, on_event=events) as guard:
        guard.warm(0.1)
        until(lambda: events.named("feed_failed"))

        assert "none of which is allowed" in str(events.named("feed_failed")[0]["cause"])
        assert feed.questions == []


def test_an_algorithm_that_is_allowed_is_asked_for(issuer: IssuerServer, feed: FakeFeed) -> None:
    issuer.describe(
        revocation_feed_endpoint=f"{issuer.url}/feed", revocation_feed_signing_alg_values_supported=["ES256", "RS256"]
    )
    with a_guard(issuer) as guard:
        guard.warm()

    assert feed.questions[0] == {"alg": "RS256"}


def test_an_issuer_that_has_no_room_to_wait_is_asked_again_later(issuer: IssuerServer, feed: FakeFeed) -> None:
    """Answered at once and with nothing new, a reader that asked again at once would be a flood. Once may be chance."""
    with a_guard(issuer) as guard:
        guard.warm()
        for asked in (2, 3):
            until(lambda: len(feed.questions) == asked)  # noqa: B023
            feed.interrupt()
        heard(guard, 3)

        assert len(feed.questions) == 3


def test_word_of_new_keys_is_no_reason_to_ask_less_often(issuer: IssuerServer, feed: FakeFeed) -> None:
    """Until the keys were fetched their epoch is the old one; the feed must not be asked for that again and again, or not at all."""
    with a_guard(issuer) as guard:
        guard.warm()
        for epoch in (1, 2, 3):
            until(lambda: len(feed.questions) == epoch + 1)  # noqa: B023
            feed.epoch = epoch
            feed.interrupt()
        until(lambda: len(feed.questions) == 5)
        feed.revoke("sid", "s1")

        until(lambda: reason_of(guard, a_token_of_session(issuer)) == "revoked", 5.0)
    assert [question.get("key_epoch") for question in feed.questions[1:5]] == ["0", "1", "2", "3"]


def test_a_feed_that_is_not_public_is_shown_credentials_and_the_keys_are_not(issuer: IssuerServer, feed: FakeFeed) -> None:
    with a_guard(issuer, feed_authorization=lambda: "Basic YXBpOnNlY3JldA==") as guard:
        guard.warm()

    shown = {
        path.partition("?")[0]: "authorization" in seen for (path, _), seen in zip(issuer.asked, issuer.seen_headers, strict=True)
    }
    assert shown == {"/.well-known/openid-configuration": False, "/jwks": False, "/feed": True}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_follows_by_itself(issuer: IssuerServer, feed: FakeFeed) -> None:
    with a_guard(issuer) as guard:
        guard.warm()
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            # Nothing of the parent's threads is here; the first token starts this process's own.
            status = 1
            try:
                reason_of(guard, a_token_of_session(issuer))
                os.write(write, b"asked")
                until(lambda: reason_of(guard, a_token_of_session(issuer)) == "revoked")
                status = 0
            finally:
                os._exit(status)
        os.read(read, 5)
        feed.revoke("sid", "s1")

        assert os.waitpid(child, 0)[1] == 0
