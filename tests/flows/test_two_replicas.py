"""Two auth servers on one PostgreSQL: whatever one knows the other knows, and either may vanish."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from docs.demo.servers import Server, free_ports
from docs.demo.story import Answer, call, decode
from shared import base64url
from tests.flows.pair import Pair, make_pair
from tests.support.databases import PostgresCluster

pytestmark = pytest.mark.postgres
# What a replica learns from the database it learns with its next look: every half second with these timings, unless the machine is busy
# with other things. A bound for a failure, not a measure.
_SOON = 60.0


@dataclass
class Replicas:
    """A pair, and a second process of its issuer. Both say the same `iss`; a load balancer would stand in front of them."""

    pair: Pair
    second: Server

    @property
    def first(self) -> Server:
        return self.pair.auth

    @property
    def both(self) -> tuple[Server, Server]:
        return (self.first, self.second)

    def login(self, server: Server, username: str = "alice") -> Answer:
        body = {"username": username, "password": self.pair.password}
        return call("POST", f"{server.url}/api/login", json_body=body)

    def refresh(self, server: Server, token: str) -> Answer:
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "first-party"}
        return call("POST", f"{server.url}/token", form=form)

    def etags(self) -> set[str]:
        return {call("GET", f"{server.url}/.well-known/jwks.json").headers["etag"] for server in self.both}


@pytest.fixture(scope="module")
def replicas(postgres_cluster: PostgresCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    folder = tmp_path_factory.mktemp("replicas")
    settings = {
        "AUTH_SERVER_DATABASE_URL": postgres_cluster.url(postgres_cluster.create_empty()),
        "AUTH_SERVER_KEY_ENCRYPTION_KEYS": base64url.encode(os.urandom(32)),
        "AUTH_SERVER_REFRESH_QUIET_WINDOW": "0",
        "AUTH_SERVER_ACCESS_TOKEN_LIFETIME": "15",
    }
    made = make_pair(folder, {"alice": ["editor"]}, **settings)
    (port,) = free_ports(1)
    elsewhere = {"AUTH_SERVER_PORT": str(port), "AUTH_SERVER_DATA_DIR": str(folder / "second")}
    url = f"http://localhost:{port}"
    second = Server("second auth server", "auth_server", url, made.environment | elsewhere, folder / "second.log")
    made.operate("migrate")
    try:
        # At once: they make one set of keys and one set of people.
        made.auth.start_without_waiting()
        second.start()
        made.auth.wait_until_ready()
        made.resource.start()
        yield Replicas(made, second)
    finally:
        for server in (made.resource, second, made.auth):
            server.stop()


def eventually(holds: Callable[[], bool]) -> bool:
    """Ask until it holds, or for as long as what one replica did may take to reach the other."""
    give_up_at = time.monotonic() + _SOON
    while not holds():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.1)
    return True


def test_both_publish_one_key_set_and_sign_with_one_key(replicas: Replicas) -> None:
    tokens = [replicas.login(server).body["access_token"] for server in replicas.both]

    assert eventually(lambda: len(replicas.etags()) == 1)
    assert len({decode(token)[0]["kid"] for token in tokens}) == 1
    assert [replicas.pair.get("/me", token).status for token in tokens] == [200, 200]


def test_a_family_goes_on_at_the_other_replica_and_a_retry_at_the_first_is_answered_alike(replicas: Replicas) -> None:
    signed_in = replicas.login(replicas.first).body

    refreshed = replicas.refresh(replicas.second, signed_in["refresh_token"])
    retried = replicas.refresh(replicas.first, signed_in["refresh_token"])

    assert (refreshed.status, retried.status) == (200, 200)
    assert refreshed.body["refresh_token"] != signed_in["refresh_token"]
    assert retried.body["refresh_token"] == refreshed.body["refresh_token"]
    families = {decode(body["access_token"])[1]["grant_id"] for body in (signed_in, refreshed.body, retried.body)}
    assert len(families) == 1
    assert replicas.refresh(replicas.first, refreshed.body["refresh_token"]).status == 200


def test_a_family_that_one_replica_ended_is_over_at_the_other(replicas: Replicas) -> None:
    tokens = [replicas.login(replicas.first).body["refresh_token"]]
    for server in (replicas.second, replicas.first):
        tokens.append(replicas.refresh(server, tokens[-1]).body["refresh_token"])

    # The first generation again, two generations later: a thief, or a client that lost its mind.
    assert replicas.refresh(replicas.second, tokens[0]).status == 400

    assert replicas.refresh(replicas.first, tokens[-1]).status == 400


def test_whoever_signs_up_at_one_signs_in_at_the_other(replicas: Replicas) -> None:
    body = {"username": "newcomer", "email": "newcomer@example.com", "password": replicas.pair.password}
    assert call("POST", f"{replicas.first.url}/api/registration", json_body=body).status == 201

    assert replicas.login(replicas.second, "newcomer").status == 200


def test_a_rotation_is_seen_by_both_within_seconds(replicas: Replicas) -> None:
    before = replicas.etags()
    kid = replicas.pair.operate("key", "rotate", "--emergency")["active_kid"]

    def both_follow() -> bool:
        kids = {decode(replicas.login(server).body["access_token"])[0]["kid"] for server in replicas.both}
        return kids == {kid} and len(replicas.etags()) == 1

    assert eventually(both_follow)
    assert replicas.etags() != before


def test_a_replica_that_is_killed_takes_nothing_with_it(replicas: Replicas) -> None:
    signed_in = replicas.login(replicas.first).body
    refreshed = replicas.refresh(replicas.first, signed_in["refresh_token"]).body
    replicas.first.kill()

    # Whatever it had answered is there at the other, at once.
    assert replicas.pair.get("/me", refreshed["access_token"]).status == 200
    retried = replicas.refresh(replicas.second, signed_in["refresh_token"])
    assert retried.body["refresh_token"] == refreshed["refresh_token"]
    assert replicas.refresh(replicas.second, refreshed["refresh_token"]).status == 200
    assert replicas.login(replicas.second).status == 200

    replicas.first.start()
    assert eventually(lambda: len(replicas.etags()) == 1)
    assert replicas.login(replicas.first).status == 200


@pytest.mark.parametrize("url", ["livez", "readyz"])
def test_both_say_that_they_are_well(replicas: Replicas, url: str) -> None:
    assert [call("GET", f"{server.url}/{url}").status for server in replicas.both] == [200, 200]


def test_no_log_holds_what_the_database_alone_should(replicas: Replicas) -> None:
    logs = "".join(Path(server.log).read_text(encoding="utf-8") for server in replicas.both)

    assert replicas.pair.password not in logs
    assert replicas.pair.environment["AUTH_SERVER_KEY_ENCRYPTION_KEYS"] not in logs
