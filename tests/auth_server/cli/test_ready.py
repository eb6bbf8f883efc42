"""From an empty folder to a ready server: init, migrate, health, config."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from auth_server.cli.command import ExitCode
from auth_server.settings import TABLE
from tests.auth_server.cli.conftest import Operator
from tests.support.databases import PostgresCluster


def test_init_makes_everything_and_says_so(nobody: Operator) -> None:
    steps = {step["what"]: step["created"] for step in nobody.done("init")["steps"]}

    assert steps == {"database": True, "key encryption keys": True, "schema": True, "signing keys, ring RS256": True}
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (nobody.folder / "data").iterdir()}
    assert set(modes.values()) == {0o600}
    assert len(nobody.events("server.initialised")) == 1


def test_init_twice_changes_nothing(operator: Operator) -> None:
    before = operator.done("key", "list")["rings"][0]["epoch"]

    assert not any(step["created"] for step in operator.done("init")["steps"])
    assert operator.done("key", "list")["rings"][0]["epoch"] == before


def test_init_under_another_issuer_says_that_the_keys_do_not_open(operator: Operator) -> None:
    kid = operator.done("key", "list")["rings"][0]["keys"][0]["kid"]
    operator.set("ISSUER", "http://localhost:9000")

    told = operator("init", "--json")

    assert told.code == ExitCode.REFUSED
    assert told.error["error"] == "keys_do_not_open"
    assert kid in told.error["error_description"]
    assert "AUTH_SERVER_ISSUER" in told.error["error_description"]
    operator.set("ISSUER", "http://localhost:8000")
    operator.done("init")


def test_init_creates_what_the_declarative_file_declares(nobody: Operator) -> None:
    nobody.set("CONFIG", nobody.file("c.toml", '[[roles]]\nname = "editor"\n'))

    assert {"what": "role", "name": "editor", "created": True} in nobody.done("init")["steps"]
    assert [role["name"] for role in nobody.done("role", "list")["roles"]] == ["editor"]


def test_init_with_a_faulty_file_makes_nothing_at_all(nobody: Operator) -> None:
    nobody.set("CONFIG", nobody.file("c.toml", "[[rules]]\n"))

    assert nobody("init").code == ExitCode.SETTINGS
    assert not (nobody.folder / "data").exists()


def test_migrate_brings_an_empty_database_to_this_version(nobody: Operator) -> None:
    assert nobody("migrate", "--check").code == ExitCode.NOT_MIGRATED
    assert not (nobody.folder / "data").exists()
    assert nobody.done("migrate")["changed"]
    assert not nobody.done("migrate")["changed"]
    assert nobody.done("migrate", "--check")["schema"] == nobody.done("migrate")["schema"]


@pytest.mark.postgres
def test_on_postgresql_the_schema_is_a_step_of_its_own(nobody: Operator, postgres_cluster: PostgresCluster) -> None:
    name = postgres_cluster.create_empty()
    nobody.set("DATABASE_URL", postgres_cluster.url(name))
    nobody.set("KEY_ENCRYPTION_KEYS", nobody.done("key", "generate-encryption-key")["key"])

    behind = nobody("client", "list")
    assert behind.code == ExitCode.NOT_MIGRATED
    assert "auth-server migrate" in behind.err
    assert nobody("migrate", "--check").code == ExitCode.NOT_MIGRATED
    assert nobody.done("migrate")["changed"]
    assert {step["what"] for step in nobody.done("init")["steps"] if step["created"]} == {"signing keys, ring RS256"}
    assert nobody.done("client", "create", "--client-id", "app", "--public", "--if-missing")["created"]
    assert not nobody.done("client", "create", "--client-id", "app", "--public", "--if-missing")["created"]
    assert not (nobody.folder / "data").exists()
    postgres_cluster.drop(name)


class _Readiness(BaseHTTPRequestHandler):
    status = 200
    body = b'{"status": "ok", "checks": {"database": "ok"}}'

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/readyz?verbose" else 404)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(operator: Operator) -> Iterator[type[_Readiness]]:
    """A server on a free port of the loopback interface, to which the settings point."""

    class Answers(_Readiness):
        """This test's answers."""

    listening = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    operator.set("PORT", str(listening.server_port))
    yield Answers
    listening.shutdown()
    thread.join()
    listening.server_close()


def test_health_is_0_when_the_server_is_ready(server: type[_Readiness], operator: Operator) -> None:
    operator.set("HOST", "0.0.0.0")

    assert operator.done("health")["status"] == "ok"


def test_health_is_1_with_the_reason_when_it_is_not(server: type[_Readiness], operator: Operator) -> None:
    server.status = 503
    server.body = json.dumps({"status": "unavailable", "checks": {"database": "gone"}}).encode()

    told = operator("health")

    assert told.code == ExitCode.REFUSED
    assert "database: gone" in told.out


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"7"])
def test_health_is_1_when_somebody_else_answers(body: bytes, server: type[_Readiness], operator: Operator) -> None:
    server.body = body

    assert operator("health").code == ExitCode.REFUSED


def test_health_asks_the_management_port_when_there_is_one(server: type[_Readiness], operator: Operator) -> None:
    operator.set("MANAGEMENT_PORT", "1")

    assert operator("health").code == ExitCode.REFUSED


def test_health_cannot_guess_a_free_port(operator: Operator) -> None:
    operator.set("PORT", "0")

    assert operator("health").code == ExitCode.USAGE


def test_config_show_has_every_setting_and_no_secret(operator: Operator) -> None:
    key = operator.done("key", "generate-encryption-key")["key"]
    operator.set("KEY_ENCRYPTION_KEYS", key)

    told = operator("config", "show", "--json")

    rows = {row["name"]: row for row in told.json["settings"]}
    assert set(rows) == {f"AUTH_SERVER_{setting.name}" for setting in TABLE}
    assert rows["AUTH_SERVER_KEY_ENCRYPTION_KEYS"]["given"]
    assert key not in told.out + operator("config", "show").out


def test_config_check_tells_good_settings_apart_from_wrong_ones(nobody: Operator) -> None:
    assert nobody.done("config", "check") == {"faults": []}

    nobody.set("PORT", "http")
    assert nobody("config", "check").code == ExitCode.SETTINGS


def test_config_check_reads_the_declarative_file_too(nobody: Operator) -> None:
    nobody.set("CONFIG", nobody.file("c.toml", '[[roles]]\nname = "editor"\n'))
    assert "roles: 1" in nobody("config", "check").out

    nobody.set("CONFIG", nobody.file("c.toml", '[[roles]]\nnam = "editor"\n'))
    told = nobody("config", "check")
    assert told.code == ExitCode.SETTINGS
    assert "did you mean name?" in told.err


def test_serve_tells_a_faulty_file_before_it_opens_anything(nobody: Operator) -> None:
    nobody.set("CONFIG", nobody.file("c.toml", "[[rules]]\n"))

    assert nobody("serve").code == ExitCode.SETTINGS
    assert not (nobody.folder / "data").exists()
