"""What the kernel says: processor time of threads and processes, memory, and how busy everybody else was. Linux alone."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_MIB: Final = 1024 * 1024
_NICENESS: Final = -10
_BATCHES: Final = 5
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cores:
    """Where servers and loads run: apart when there are two cores, else on the same one."""

    server: frozenset[int]
    load: frozenset[int]

    @property
    def are_apart(self) -> bool:
        """Say whether a load takes nothing from a server."""
        return self.server.isdisjoint(self.load)

    @property
    def all(self) -> frozenset[int]:
        """Both."""
        return self.server | self.load


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of a process and its children, MiB: resident, and its share when what is shared is divided."""

    resident: float
    proportional: float


def settle(cores: frozenset[int]) -> None:
    """Put this process on these cores, and before others there where that is allowed (it is to root)."""
    os.sched_setaffinity(0, cores)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """Keep this thread on these cores within the block."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def interpreter() -> str:
    """Return the version of Python and what built it: two builds of one version differ by a fifth in what is not the signature itself."""
    return f"Python {platform.python_version()} ({platform.python_compiler()}, {platform.python_build()[1]})"


def choose_cores() -> Cores:
    """Return the first core for servers and the last for loads, of those this process may use."""
    mine = sorted(os.sched_getaffinity(0))
    return Cores(frozenset({mine[0]}), frozenset({mine[-1]}))


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process and its children took so far, to the nanosecond, with that of threads which are gone."""
    seconds = 0.0
    for process in _family(pid):
        with suppress(OSError):  # a child that ended between the two looks
            seconds += time.clock_gettime(_cpu_clock(process))
    return seconds


def _cpu_clock(pid: int) -> int:
    # How Linux numbers the clock of a process's processor time (clock_getcpuclockid(3), which Python does not offer).
    return (~pid << 3) | 2


def memory(pid: int) -> Memory:
    """Return the memory of a process and its children."""
    kib = {"Rss:": 0, "Pss:": 0}
    for process in _family(pid):
        for line in (_PROC / str(process) / "smaps_rollup").read_text().splitlines():
            word, *rest = line.split()
            if word in kib:
                kib[word] += int(rest[0])
    return Memory(kib["Rss:"] * 1024 / _MIB, kib["Pss:"] * 1024 / _MIB)


def busy_seconds() -> float:
    """Return how long the cores of this machine worked since it started, for whomever."""
    fields = [int(word) for word in (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = fields[:8]
    return (user + nice + system + interrupts + soft_interrupts + stolen) / _TICKS


def microseconds_each(work: Callable[[], object], times: int) -> float:
    """Return the processor time of this thread that one call of `work` takes: the least of a few batches.

    Other programs only ever add to it (they empty the caches), so the least is nearest to the work's own.
    """
    return min(_batch(work, max(1, times // _BATCHES)) for _ in range(_BATCHES))


def _batch(work: Callable[[], object], times: int) -> float:
    began = time.thread_time_ns()
    for _ in range(times):
        work()
    return (time.thread_time_ns() - began) / times / 1000


def _family(pid: int) -> list[int]:
    found = [pid]
    for thread in (_PROC / str(pid) / "task").iterdir():
        try:
            children = (thread / "children").read_text().split()
        except OSError:  # this kernel does not tell
            continue
        for child in children:
            found += _family(int(child))
    return found
