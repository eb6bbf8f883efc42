"""`make run` as a person meets it: the box, the line to paste, a port that is taken, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.demo.servers import ROOT, free_ports
from docs.demo.story import call

_PROGRAM = [sys.executable, "-m", "docs.demo.run"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two free ports and a data folder that does not exist yet."""
    auth_port, api_port = free_ports(2)
    data = tmp_path_factory.mktemp("run") / "data"
    return {"AUTH_SERVER_PORT": str(auth_port), "RESOURCE_SERVER_PORT": str(api_port), "AUTH_SERVER_DATA_DIR": str(data)}


@pytest.fixture(scope="module")
def running(settings: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The program with everything that it printed when it was ready."""
    with subprocess.Popen(_PROGRAM, cwd=ROOT, env=os.environ | settings, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = ""
        for line in process.stdout:
            printed += line
            if line.startswith("curl "):
                break
        yield process, printed
        process.kill()


def _in_vain(settings: dict[str, str], **more: str) -> str:
    done = subprocess.run(_PROGRAM, cwd=ROOT, env=os.environ | settings | more, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


def test_the_box_names_what_is_there(running: tuple[subprocess.Popen[str], str], settings: dict[str, str]) -> None:
    _, printed = running

    urls = [word for word in printed.split("curl ")[0].split() if word.startswith("http")]
    statuses = {url: call("GET", url).status for url in urls}
    assert len(urls) == 5
    assert statuses.pop(f"http://localhost:{settings['AUTH_SERVER_PORT']}/account") in {200, 303}
    assert set(statuses.values()) == {200}


def test_the_line_to_paste_works_in_any_shell(running: tuple[subprocess.Popen[str], str], settings: dict[str, str]) -> None:
    _, printed = running
    line = next(line for line in printed.splitlines() if line.startswith("curl "))

    told = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout

    claims = json.loads(told)["claims"]
    assert claims["iss"] == f"http://localhost:{settings['AUTH_SERVER_PORT']}"
    assert claims["roles"] == ["editor"]


def test_a_taken_port_is_told_before_anything_is_changed(
    running: tuple[subprocess.Popen[str], str], settings: dict[str, str]
) -> None:
    _, printed = running

    told = _in_vain(settings)

    assert f"port {settings['AUTH_SERVER_PORT']} is taken" in told
    assert f"port {settings['RESOURCE_SERVER_PORT']} is taken" in told
    # The first box still holds the demo user's password.
    line = next(line for line in printed.splitlines() if line.startswith("curl "))
    assert "client_id" in subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout


def test_another_issuer_on_the_same_data_is_told_in_words(
    running: tuple[subprocess.Popen[str], str], settings: dict[str, str]
) -> None:
    auth_port, api_port = free_ports(2)

    told = _in_vain(settings, AUTH_SERVER_PORT=str(auth_port), RESOURCE_SERVER_PORT=str(api_port))

    assert "sealed for another issuer" in told
    assert "Traceback" not in told
    assert "CalledProcessError" not in told


def test_ctrl_c_stops_both_and_ends_with_0(running: tuple[subprocess.Popen[str], str], settings: dict[str, str]) -> None:
    process, _ = running

    process.send_signal(signal.SIGINT)

    assert process.stdout is not None
    assert process.stdout.read().endswith("Both servers stopped.\n")
    assert process.wait() == 0
    logs = Path(settings["AUTH_SERVER_DATA_DIR"]).glob("*.log")
    assert all('"event":"stop' in log.read_text(encoding="utf-8") for log in logs)
