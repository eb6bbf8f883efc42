"""What the feed said is kept on disk: a restart forgets nothing, goes on where it was, and trusts no file of somebody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resource_server.testing import reason_of
from tests.resource_server.feeds import FakeFeed, a_token_of_session, until
from tests.resource_server.support import (
    NOW,
    Events,
    IssuerServer,
    a_guard,
)


def test_a_restart_forgets_nothing_although_the_issuer_is_down(issuer: IssuerServer, feed: FakeFeed, tmp_path: Path) -> None:
    feed.revoke("sid", "s1")
    feed.revoke("sub_nbf", "alice", nbf=NOW)
    with a_guard(issuer, state_dir=tmp_path) as guard:
        guard.warm()
        until(lambda: len(list(tmp_path.glob("[kr]*.json"))) == 2)  # keys and revocations
    issuer.replies.clear()

    with a_guard(issuer, state_dir=tmp_path) as again:
        assert reason_of(again, a_token_of_session(issuer, sid="s9", iat=NOW)) == "revoked"
        assert reason_of(again, a_token_of_session(issuer, sid="s9", sub="bob")) is None
        assert reason_of(again, a_token_of_session(issuer, sub="bob")) == "revoked"
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_a_restart_goes_on_behind_its_cursor(issuer: IssuerServer, feed: FakeFeed, tmp_path: Path) -> None:
    feed.revoke("sid", "s1")
    with a_guard(issuer, state_dir=tmp_path) as guard:
        guard.warm()
        until(lambda: len(list(tmp_path.glob("[kr]*.json"))) == 2)  # keys and revocations
    asked = len(feed.questions)
    feed.interrupt()

    with a_guard(issuer, state_dir=tmp_path) as again:
        again.warm()

        assert {"after": "1"} in feed.questions[asked - 1 :]


@pytest.mark.parametrize("spoil", [lambda path: path.write_text("{}"), lambda path: path.chmod(0o666)])
def test_a_file_that_cannot_be_trusted_is_not_read(issuer: IssuerServer, feed: FakeFeed, tmp_path: Path, spoil: Any) -> None:
    feed.revoke("sid", "s1")
    with a_guard(issuer, state_dir=tmp_path) as guard:
        guard.warm()
        until(lambda: len(list(tmp_path.glob("[kr]*.json"))) == 2)  # keys and revocations
    spoil(next(tmp_path.glob("revocations-*.json")))
    events = Events()

    with a_guard(issuer, state_dir=tmp_path, on_event=events) as again:
        again.warm()

        assert reason_of(again, a_token_of_session(issuer)) == "revoked"  # from the issuer
    assert events.named("saved_feed_unusable")
