"""The command, as its users run it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from resource_server.cli import CANNOT_LISTEN, OK, UNHEALTHY, WRONG_SETTINGS, main
from resource_server.demo.serve import CannotListen, bind
from tests.resource_server.support import AUDIENCE, IssuerServer, a_token, claims

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RESOURCE_SERVER_")]:
        monkeypatch.delenv(name)


def test_show_prints_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", "--json"]) == OK
    assert json.loads(capsys.readouterr().out)["RESOURCE_SERVER_PORT"] == "8001"
    assert main(["config", "show"]) == OK
    assert "RESOURCE_SERVER_AUDIENCE=http://localhost:8001" in capsys.readouterr().out


def test_check_says_good_or_lists_every_fault(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check"]) == OK
    assert main(["config", "check", "--json"]) == OK
    capsys.readouterr()
    monkeypatch.setenv("RESOURCE_SERVER_PORT", "x")
    monkeypatch.setenv("RESOURCE_SERVER_LEEWAY", "99")
    monkeypatch.setenv("RESOURCE_SERVER_ISSUER", "http://issuer.example")

    assert main(["config", "check"]) == WRONG_SETTINGS
    assert capsys.readouterr().err.count("  - ") == 3
    assert main(["config", "check", "--json"]) == WRONG_SETTINGS
    assert len(json.loads(capsys.readouterr().out)["faults"]) == 3


@pytest.mark.parametrize(
    "words", [[], ["serve"], ["health"], ["explain"], ["doctor"], ["config"], ["config", "check"], ["config", "show"]]
)
def test_help_has_an_example(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([*words, "--help"])

    assert end.value.code == 0
    assert "example" in capsys.readouterr().out or words == ["config"]


def test_without_a_word_the_overview_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == WRONG_SETTINGS
    assert "doctor" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["nothing"], ["config"], ["serve", "--port", "1"]])
def test_wrong_usage_ends_with_two(words: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == WRONG_SETTINGS


def test_health_of_nothing_is_unhealthy(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("RESOURCE_SERVER_PORT", str(unused.getsockname()[1]))

        assert main(["health"]) == UNHEALTHY
    told = capsys.readouterr().out
    assert "no answer" in told
    assert "Errno" not in told


def test_a_port_that_is_taken_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("RESOURCE_SERVER_PORT", str(taken.getsockname()[1]))
        try:
            assert main(["serve"]) == CANNOT_LISTEN
        finally:
            for number, former in before.items():
                signal.signal(number, former)
    assert "cannot listen" in capsys.readouterr().err


@pytest.mark.parametrize("host", [None, "localhost"])
def test_loopback_means_both_of_its_addresses(host: str | None) -> None:
    listeners = bind(host, 0)
    try:
        ports = {listener.getsockname()[1] for listener in listeners}
        assert len(ports) == 1
        assert listeners[0].getsockname()[0] == "127.0.0.1"
    finally:
        for listener in listeners:
            listener.close()


def test_an_address_that_is_not_ours_is_told() -> None:
    with pytest.raises(CannotListen):
        bind("192.0.2.1", 0)
    with pytest.raises(CannotListen):
        bind("no such host.invalid", 0)


@contextmanager
def a_service(issuer_url: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RESOURCE_SERVER_")}
    environment |= {"RESOURCE_SERVER_ISSUER": issuer_url, "RESOURCE_SERVER_AUDIENCE": AUDIENCE, "RESOURCE_SERVER_PORT": "0"}
    service = subprocess.Popen(
        [sys.executable, "-m", "resource_server", "serve"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert service.stdout is not None
        started = json.loads(service.stdout.readline())
        assert started["event"] == "started"
        yield service, int(started["addresses"][0].rpartition(":")[2])
    finally:
        service.kill()
        service.communicate()


def ask(port: int, path: str, token: bytes | None = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token.decode()}"} if token else {})
        return connection.getresponse().status
    finally:
        connection.close()


def becomes_good(port: int, token: bytes) -> bool:
    """Ask again as `Retry-After` says; the first answer after the issuer's return may still be a 503."""
    pause = threading.Event()
    return any(ask(port, "/me", token) == 200 or pause.wait(0.2) for _ in range(50))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_service_starts_without_its_issuer_recovers_and_ends_with_zero(
    issuer: IssuerServer, number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = int(time.time())  # the service has the real clock
    token = a_token(claims(iss=issuer.url, iat=now, exp=now + 600))
    replies, issuer.replies = issuer.replies, {}
    with a_service(issuer.url) as (service, port):
        monkeypatch.setenv("RESOURCE_SERVER_PORT", str(port))
        assert ask(port, "/livez") == 200
        assert ask(port, "/me", token) == 503
        assert ask(port, "/me") == 401
        assert main(["health"]) == UNHEALTHY

        issuer.replies = replies
        assert becomes_good(port, token)
        assert main(["health", "--json"]) == OK
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["status"] == "ready"

        service.send_signal(number)
        assert service.wait(10) == 0


@pytest.mark.parametrize("piece", [b"x" * 65_536, b"X-A: y\r\n" * 8_000])
def test_a_head_that_never_ends_is_cut(issuer: IssuerServer, piece: bytes) -> None:
    """The parser collects headers for ever; a few connections could otherwise fill the memory."""
    with a_service(issuer.url) as (_service, port), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"GET /me HTTP/1.1\r\nHost: x\r\nX-Long: ")
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                connection.sendall(piece)
        try:
            answer = connection.recv(1000)
        except ConnectionError:  # closed while we were still sending; a time-out is no such thing, and fails the test
            answer = b""

        assert answer == b"" or answer.startswith(b"HTTP/1.1 431")
        assert ask(port, "/livez") == 200


def test_one_connection_serves_several_requests(issuer: IssuerServer) -> None:
    with a_service(issuer.url) as (_service, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            for i in range(5):
                connection.request("POST", "/notes", body=b"x" * 60_000, headers={"X-Padding": "y" * 9_000 * (i % 2)})
                answer = connection.getresponse()
                assert (answer.status, len(answer.read()) > 0) == (401, True)
        finally:
            connection.close()
