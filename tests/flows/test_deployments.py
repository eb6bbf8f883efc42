"""The servers in the shapes people run them: on PostgreSQL, with workers, behind two names, with a management port."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from docs.demo.servers import ROOT, DidNotStart, answers, free_ports
from docs.demo.story import call
from shared import base64url
from tests.flows.pair import Pair, make_pair
from tests.support.databases import PostgresCluster

PEOPLE = {"alice": ["editor"]}


def run(pair: Pair, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the auth server as an operator would."""
    command = [sys.executable, "-m", "auth_server", *words]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **pair.environment}, capture_output=True, text=True, check=False)


@pytest.mark.postgres
def test_on_postgresql_migration_is_a_step_of_its_own_and_then_all_works(
    postgres_cluster: PostgresCluster, tmp_path: Path
) -> None:
    url = postgres_cluster.url(postgres_cluster.create_empty())
    kek = base64url.encode(os.urandom(32))
    pair = make_pair(tmp_path, PEOPLE, AUTH_SERVER_DATABASE_URL=url, AUTH_SERVER_KEY_ENCRYPTION_KEYS=kek)

    refused = run(pair, "serve")
    assert refused.returncode != 0
    assert "auth-server migrate" in refused.stderr
    assert run(pair, "migrate").returncode == 0
    try:
        pair.auth.start()
        pair.resource.start()
        signed_in = pair.login("alice").body
        assert pair.get("/me", signed_in["access_token"]).status == 200
        form = {"grant_type": "refresh_token", "refresh_token": signed_in["refresh_token"], "client_id": "first-party"}
        assert call("POST", f"{pair.issuer}/token", form=form).status == 200
    finally:
        pair.resource.stop()
        assert pair.auth.stop() == 0
    assert "postgres" not in pair.auth.log.read_text(encoding="utf-8")


def test_several_workers_share_accounts_keys_and_families(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, PEOPLE, AUTH_SERVER_WORKERS="2", AUTH_SERVER_REFRESH_QUIET_WINDOW="0")
    assert run(pair, "init").returncode == 0
    try:
        pair.auth.start()
        refresh_token = pair.login("alice").body["refresh_token"]
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": "first-party"}
        with ThreadPoolExecutor(8) as threads:
            refreshed = list(threads.map(lambda _: call("POST", f"{pair.issuer}/token", form=form), range(16)))

        # F07 over real processes: whoever is answered is answered with one and the same successor.
        assert {answer.status for answer in refreshed} == {200}
        assert len({answer.body["refresh_token"] for answer in refreshed}) == 1
        keys = [call("GET", f"{pair.issuer}/.well-known/jwks.json").headers["etag"] for _ in range(8)]
        assert len(set(keys)) == 1
    finally:
        assert pair.auth.stop() == 0


def test_an_issuer_is_reached_under_another_name_than_its_tokens_say(tmp_path: Path) -> None:
    """The trap of localhost and the container's name: `iss` is compared with one name, keys are fetched under the other."""
    pair = make_pair(tmp_path, PEOPLE)
    port = pair.issuer.rpartition(":")[2]
    pair.resource.set_environment(RESOURCE_SERVER_METADATA_URL=f"http://127.0.0.1:{port}")
    try:
        pair.auth.start()
        pair.resource.start()

        assert pair.get("/me", pair.access_token()).status == 200
    finally:
        pair.resource.stop()
        pair.auth.stop()


def test_health_can_listen_on_a_port_of_its_own(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    pair = make_pair(tmp_path, PEOPLE, AUTH_SERVER_MANAGEMENT_PORT=str(port))
    pair.auth.start_without_waiting()
    try:
        pair.auth.wait_for(f"http://localhost:{port}/readyz")

        assert not answers(f"{pair.issuer}/metrics")
        assert answers(f"http://localhost:{port}/metrics")
        assert answers(f"{pair.issuer}/.well-known/jwks.json")
    finally:
        assert pair.auth.stop() == 0


def test_timings_that_could_reject_a_valid_token_do_not_start(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, PEOPLE, AUTH_SERVER_KEY_PUBLISH_AHEAD="1", AUTH_SERVER_KEY_RETIRE_AFTER="2")

    refused = run(pair, "serve")

    assert refused.returncode != 0
    assert "AUTH_SERVER_KEY_PUBLISH_AHEAD" in refused.stderr
    assert "AUTH_SERVER_KEY_RETIRE_AFTER" in refused.stderr
    with pytest.raises(DidNotStart):
        pair.auth.start()


def test_a_second_server_on_the_same_port_says_so(pair: Pair) -> None:
    refused = run(pair, "serve")

    assert refused.returncode != 0
    assert "cannot listen" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_server_that_fails_while_it_starts_ends_with_a_fault(tmp_path: Path) -> None:
    """Here its table of resources is gone: an orchestrator must see a failure, not a server that had nothing to do."""
    pair = make_pair(tmp_path, PEOPLE)
    assert run(pair, "init").returncode == 0
    with sqlite3.connect(tmp_path / "data" / "auth_server.db") as connection:
        connection.execute("DROP TABLE directory_version")

    failed = run(pair, "serve")

    assert failed.returncode != 0
    assert "Traceback" not in failed.stderr
