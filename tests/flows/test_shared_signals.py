"""A logout at the auth server ends the token at an API that hears of it by shared signals alone, polled from another process."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.demo.story import call
from resource_server import Guard
from resource_server.signals import SignalPoller, Signals
from resource_server.testing import reason_of
from tests.flows.pair import Pair, make_pair

BOUND = 15.0
LIVES = {
    "AUTH_SERVER_ACCESS_TOKEN_LIFETIME": "120",
    "AUTH_SERVER_KEY_RETIRE_AFTER": "190",
    "AUTH_SERVER_KEY_ROTATION_PERIOD": "200",
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("signals")
    pair = make_pair(folder, {"alice": ["editor"], "bob": ["editor"]}, AUTH_SERVER_SHARED_SIGNALS="true", **LIVES)
    pair.auth.start()
    yield pair
    pair.auth.stop()


def test_who_signed_out_is_refused_once_the_signal_was_polled(pair: Pair, tmp_path: Path) -> None:
    secret, secret_file = secrets.token_urlsafe(32), tmp_path / "secret"
    secret_file.write_text(secret, encoding="utf-8")
    pair.operate("client", "create", "--client-id", "events", "--client-secret-file", str(secret_file), "--introspects", pair.api)
    give_up_at = time.monotonic() + BOUND
    while (made := call("POST", f"{pair.issuer}/ssf/streams", json_body={}, basic=("events", secret))).status == 401:
        assert time.monotonic() < give_up_at, "the running server does not see the client"
        time.sleep(0.05)
    assert made.status == 201
    alice, bob = pair.login("alice").body, pair.login("bob").body

    with_nothing_but_signals = Guard(issuer=pair.issuer, audience=pair.api, leeway=1, follow_feed=False)
    basic = "Basic " + base64.b64encode(f"events:{secret}".encode()).decode()
    poller = SignalPoller(Signals(with_nothing_but_signals), made.body["delivery"]["endpoint_url"], authorization=basic)
    try:
        with_nothing_but_signals.warm()
        with_nothing_but_signals.verify(alice["access_token"])
        poller.start()
        # The poller waits at the auth server when this happens, or asks soon after.
        assert call("POST", f"{pair.issuer}/api/logout", json_body={"refresh_token": alice["refresh_token"]}).status < 300
        while (reason := reason_of(with_nothing_but_signals, alice["access_token"])) is None:
            assert time.monotonic() < give_up_at + BOUND, poller.last_failure
            time.sleep(0.02)
        assert reason == "revoked"
        assert reason_of(with_nothing_but_signals, bob["access_token"]) is None
    finally:
        poller.close()
        with_nothing_but_signals.close()
