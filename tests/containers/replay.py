"""Replays the build stage of a Dockerfile in a folder: every COPY and RUN, with the image's absolute paths moved into that folder.

No engine, no isolation: what this proves is that the steps are complete (the lock installs, what is copied is enough to run).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.containers.dockerfile import Dockerfile

_IMAGE_PATHS = re.compile(r"(?<![\w./-])/(?=(opt|app|build|var/lib/sealwright)\b)")
_NEVER_SENT_TO_THE_BUILDER = shutil.ignore_patterns("__pycache__", "Dockerfile")


@dataclass(frozen=True, slots=True)
class Replayed:
    """A folder that stands for the root of the image, and what ENV says in it."""

    root: Path
    environment: dict[str, str]

    @property
    def python(self) -> Path:
        """The interpreter of the image's venv."""
        return self.root / "opt" / "venv" / "bin" / "python"

    def run(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command as the image would: its PATH, its variables, nothing of ours, an empty working folder."""
        work = self.root / "work"
        work.mkdir(exist_ok=True)
        # Found by our own search: subprocess looks a bare name up on the PATH of this process, not on that of the image.
        program = shutil.which(command[0], path=str(self.python.parent)) or command[0]
        return subprocess.run(
            [program, *command[1:]],
            cwd=work,
            env=self._environment_with(more),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def _environment_with(self, more: dict[str, str]) -> dict[str, str]:
        return self.environment | more | {"PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}"}

    @contextmanager
    def serving(self, command: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run `command serve` until the block ends, once its own `health` says that it is ready.

        Raises:
            AssertionError: it ended by itself, or was not ready after 200 questions.
        """
        environment = self._environment_with(settings)
        with (self.root / "log").open("wb") as log:
            server = subprocess.Popen(
                [self.python.parent / command, "serve"], cwd=self.root, env=environment, stdout=log, stderr=log
            )
        try:
            ready = any(server.poll() is None and self.run(command, "health", **settings).returncode == 0 for _ in range(200))
            assert ready, (self.root / "log").read_text(encoding="utf-8")
            yield server
        finally:
            server.terminate()
            server.wait(timeout=20)

    def imports(self, module: str) -> bool:
        """Say whether the image's interpreter finds a module, with the code that is in the image on its path."""
        return self.run(str(self.python), "-c", f"import {module}", PYTHONPATH=str(self.root / "app")).returncode == 0

    def files(self) -> set[str]:
        """Return every file of the image's own parts, as paths from its root."""
        return {file.relative_to(self.root).as_posix() for part in ("app", "opt") for file in (self.root / part).rglob("*")}


def replay(dockerfile: Dockerfile, context: Path, root: Path) -> Replayed:
    """Carry out the build stage under `root`.

    Raises:
        AssertionError: a step ended badly; the message holds its output.
    """
    # The base image has an interpreter with pip; ours may have been made by uv, without.
    builder = root / "builder"
    venv.create(builder, with_pip=True)
    environment = os.environ | {
        "PATH": f"{builder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    for instruction in dockerfile.stages[0]:
        if instruction.word == "COPY":
            *sources, target = instruction.arguments
            _copy([context / source for source in sources], root / target.lstrip("/"), into=target.endswith("/"))
        elif instruction.word == "RUN":
            step = _moved(instruction.rest, root)
            done = subprocess.run(["sh", "-eu", "-c", step], env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{step}\n{done.stdout}{done.stderr}"
    settings = {name: _moved(value, root) for name, value in dockerfile.environment().items()}
    return Replayed(root, settings)


def _copy(sources: list[Path], target: Path, *, into: bool) -> None:
    for source in sources:
        if source.is_dir():
            shutil.copytree(source, target, ignore=_NEVER_SENT_TO_THE_BUILDER, dirs_exist_ok=True)
        else:
            file = target / source.name if into else target
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, file)


def _moved(text: str, root: Path) -> str:
    return _IMAGE_PATHS.sub(f"{root}/", text)
