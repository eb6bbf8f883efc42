"""Starts `auth-server` processes out of one that has imported everything: a hundred of them a minute, where each alone takes a second.

Each line on standard input is a request: `{"words": [...], "environment": {...}, "output": PATH}`. It is answered with the pid of a process
of its own that carries the command out, with its errors in PATH.errors and its exit status in PATH.status unless it was killed.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from auth_server.cli.main import NOUNS, main


def _carry_out(asked: dict[str, Any]) -> None:
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(asked["environment"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for stream, path in ((1, asked["output"]), (2, asked["output"] + ".errors")):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), stream)
    try:
        status = main(asked["words"])
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    sys.stdout.flush()
    Path(asked["output"] + ".status").write_text(str(int(status)), encoding="ascii")


def _serve_requests() -> None:
    for noun in NOUNS:
        importlib.import_module(noun.module)
    importlib.import_module("psycopg")
    # Whoever was killed is nobody's to wait for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                _carry_out(json.loads(line))
            finally:
                os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    _serve_requests()
