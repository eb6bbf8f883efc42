"""A living key source over an issuer that answers what a test lays out, under a clock that a test moves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from resource_server.jwks.cache import KeyCache
from resource_server.jwks.discovery import Retrieved
from resource_server.jwks.fetcher import FetchFailed
from resource_server.jwks.source import KeySource
from resource_server.verifier.key_set import KeySet
from tests.resource_server.support import NOW, Events


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Issuer:
    """Answers in turn with what a test has laid out; waits while `open` is not set; the last answer stays."""

    def __init__(self, *answers: KeySet | FetchFailed | None) -> None:
        self.answers = list(answers)
        self.open = threading.Event()
        self.open.set()
        self.arrived = threading.Semaphore(0)
        self.threads: list[str] = []
        self.forgot = 0

    def retrieve(self) -> Retrieved:
        self.threads.append(threading.current_thread().name)
        self.arrived.release()
        assert self.open.wait(10)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, FetchFailed):
            raise answer
        return Retrieved(answer, None)

    def forget(self) -> None:
        self.forgot += 1


@contextmanager
def a_source(issuer: Issuer, clock: Clock | None = None, **options) -> Iterator[KeySource]:
    cache = KeyCache(240.0, 86_400.0, lambda: 0.5)
    source = KeySource(issuer, cache, **{"tell": Events(), "clock": clock or Clock(), "wall_clock": lambda: NOW, **options})
    try:
        yield source
    finally:
        issuer.open.set()
        source.close()
