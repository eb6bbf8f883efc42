"""A Dockerfile as values: stages of instructions, in order. Just enough of the format for our own two."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, its word in capitals, its continuation lines joined."""

    word: str
    rest: str

    @property
    def arguments(self) -> list[str]:
        """The words of a COPY, a USER or the exec form of a command."""
        return [str(part) for part in json.loads(self.rest)] if self.rest.startswith("[") else shlex.split(self.rest)


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """The stages in order; the last one is the image."""

    stages: tuple[tuple[Instruction, ...], ...]

    @property
    def image(self) -> tuple[Instruction, ...]:
        """The instructions of the stage that is shipped."""
        return self.stages[-1]

    def last(self, word: str) -> Instruction:
        """Return the last instruction of the image with this word, the one that counts.

        Raises:
            LookupError: the image has none.
        """
        for instruction in reversed(self.image):
            if instruction.word == word:
                return instruction
        raise LookupError(word)

    def copied_from_context(self) -> list[str]:
        """Return every path that any stage takes from the checkout."""
        copies = [i for stage in self.stages for i in stage if i.word in {"COPY", "ADD"} and "--from=" not in i.rest]
        return [source for copy in copies for source in copy.arguments[:-1]]

    def environment(self) -> dict[str, str]:
        """Return what ENV sets in the image, without the entries that refer to the base image's own."""
        pairs = [word.partition("=") for i in self.image if i.word == "ENV" for word in i.arguments]
        return {name: value for name, _, value in pairs if "$" not in value}


def read_dockerfile(file: Path) -> Dockerfile:
    """Parse a Dockerfile; comments and blank lines go, a backslash at the end of a line joins it to the next."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines()
    stages: list[list[Instruction]] = [[]]
    for line in joined:
        word, _, rest = line.strip().partition(" ")
        if word.upper() == "FROM":
            stages.append([])
        stages[-1].append(Instruction(word.upper(), rest.strip()))
    return Dockerfile(tuple(tuple(stage) for stage in stages[1:]))
