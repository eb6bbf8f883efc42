"""The stories of operators with the real program, in processes of their own."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from auth_server.cli.command import ExitCode
from tests.support.databases import PostgresCluster

PROGRAM = [sys.executable, "-m", "auth_server"]
ROOT = Path(__file__).parents[3]


def _start(folder: Path, *words: str, **settings: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AUTH_SERVER_")}
    environment |= {"AUTH_SERVER_DATA_DIR": str(folder / "data"), "PYTHONPATH": str(ROOT)}
    environment |= {f"AUTH_SERVER_{name}": value for name, value in settings.items()}
    pipe = subprocess.PIPE
    return subprocess.Popen([*PROGRAM, *words], env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=folder)


def _run(folder: Path, *words: str, stdin: str = "") -> tuple[int, str, str]:
    process = _start(folder, *words)
    out, err = process.communicate(stdin, timeout=60)
    return process.returncode, out, err


def _both(folder: Path, *words: str) -> list[Any]:
    processes = [_start(folder, *words, "--json") for _ in range(2)]
    told = [process.communicate("", timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    return [json.loads(out) for out, _ in told]


def test_two_processes_at_once_agree_on_everything(tmp_path: Path) -> None:
    """Two `init` at once make one database, one key file and one ring; two `create --if-missing` make one client."""
    for document in _both(tmp_path, "init"):
        assert document["steps"][-1]["name"] == "2 keys"

    clients = _both(tmp_path, "client", "create", "--client-id", "billing", "--if-missing")

    assert sorted(client["created"] for client in clients) == [False, True]
    assert sum("client_secret" in client for client in clients) == 1


@pytest.mark.parametrize(
    "settings, code, word",
    [
        ({"KEY_ENCRYPTION_KEYS": "hush-hush"}, ExitCode.SETTINGS, "AUTH_SERVER_KEY_ENCRYPTION_KEYS"),
        ({"DATA_DIR": "a-file/data"}, ExitCode.SETTINGS, "a-file"),
        (
            {"DATABASE_URL": "postgresql://me:hush-hush@127.0.0.1:1/no", "KEY_ENCRYPTION_KEYS": "A" * 43},
            ExitCode.UNAVAILABLE,
            "URL",
        ),
        ({"HOST": "203.0.113.1"}, ExitCode.REFUSED, "203.0.113.1"),
    ],
)
def test_a_start_that_cannot_be_is_one_sentence(settings: dict[str, str], code: int, word: str, tmp_path: Path) -> None:
    """A traceback is the first thing that an operator would see of us, and it holds what was typed wrong."""
    (tmp_path / "a-file").touch()

    process = _start(tmp_path, "serve", **settings)
    out, err = process.communicate("", timeout=60)

    assert process.returncode == code
    assert word in err
    assert len(err.splitlines()) == 1
    assert "hush-hush" not in out + err


@pytest.mark.postgres
def test_on_postgresql_a_server_does_not_start_behind(tmp_path: Path, postgres_cluster: PostgresCluster) -> None:
    name = postgres_cluster.create_empty()

    process = _start(tmp_path, "serve", DATABASE_URL=postgres_cluster.url(name), KEY_ENCRYPTION_KEYS="A" * 43)
    _, err = process.communicate("", timeout=60)

    assert process.returncode == ExitCode.NOT_MIGRATED
    assert "run auth-server migrate" in err
    postgres_cluster.drop(name)


def test_secrets_go_in_by_standard_input_and_refusals_come_out_as_codes(tmp_path: Path, initialised: Path) -> None:
    shutil.copytree(initialised, tmp_path / "data")
    words = ("user", "create", "--username", "alice", "--password-file", "-")

    assert _run(tmp_path, *words, stdin="lantern gravel otter umbrella\n")[0] == 0
    code, out, err = _run(tmp_path, *words, stdin="lantern gravel otter umbrella\n")

    assert (code, out) == (5, "")
    assert "Traceback" not in err


def test_help_and_health_do_not_wait_for_a_database_driver(tmp_path: Path) -> None:
    """SQLAlchemy alone costs more than half a second at each start."""
    program = (
        "import sys\nfrom auth_server.cli.main import main\n"
        "codes = [main(['--help']), main(['health']), main(['config', 'show']), main(['key', 'generate-encryption-key'])]\n"
        "assert codes == [0, 1, 0, 0], codes\nassert not {'sqlalchemy', 'starlette', 'uvicorn', 'alembic', 'argon2'} & set(sys.modules)"
    )
    environment = {"PYTHONPATH": str(ROOT), "AUTH_SERVER_PORT": "1", "AUTH_SERVER_DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("words", [["serve", "--help"], ["key", "list"]])
def test_no_command_leaves_a_core_dump(words: list[str], tmp_path: Path) -> None:
    """It would hold private keys; what a command starts inherits it."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    program = (
        "import resource\nfrom auth_server.cli.main import main\n"
        f"resource.setrlimit(resource.RLIMIT_CORE, ({most}, {most}))\nmain({words!r})\n"
        "assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0"
    )
    environment = {"PYTHONPATH": str(ROOT), "AUTH_SERVER_DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stderr


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    process = _start(tmp_path, "config", "show", "--json")
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate("", timeout=60)

    assert "Traceback" not in err
    assert "BrokenPipe" not in err
