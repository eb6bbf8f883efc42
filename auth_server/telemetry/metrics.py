"""Counters and gauges in the text form that Prometheus reads. Labels are closed sets: no client, person or path of a stranger's choice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

LabelsT = TypeVar("LabelsT", bound=tuple[object, ...])

_PREFIX: Final = "auth_server_"
CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """What this process counted since it started."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds: defaultdict[tuple[str], float] = defaultdict(float)
        self._events: Counter[tuple[str, str]] = Counter()
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}

    def count_request(self, path: str, status: int, seconds: float) -> None:
        """Count one answered request. `path` is a route of ours, or `other`."""
        self._requests[path, status] += 1
        self._seconds[path,] += seconds

    def count_event(self, name: str, outcome: str) -> None:
        """Count one committed audit event."""
        self._events[name, outcome] += 1

    def add_gauge(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Offer a value that is read when asked for."""
        self._gauges[name] = (meaning, read)

    def render(self) -> bytes:
        """Return everything as text."""
        lines = [
            *_family("requests_total", "counter", "requests by route and status", _by(("path", "status"), self._requests)),
            *_family("request_seconds_total", "counter", "seconds spent on requests by route", _by(("path",), self._seconds)),
            *_family(
                "events_total", "counter", "committed audit events by name and outcome", _by(("event", "outcome"), self._events)
            ),
        ]
        for name, (meaning, read) in sorted(self._gauges.items()):
            lines += _family(name, "gauge", meaning, [("", read())])
        return ("\n".join(lines) + "\n").encode("utf-8")


def _family(name: str, kind: str, meaning: str, samples: Iterable[tuple[str, float]]) -> list[str]:
    head = [f"# HELP {_PREFIX}{name} {meaning}", f"# TYPE {_PREFIX}{name} {kind}"]
    return [*head, *(f"{_PREFIX}{name}{labels} {value:g}" for labels, value in samples)]


def _by(names: tuple[str, ...], counts: Mapping[LabelsT, float]) -> list[tuple[str, float]]:
    samples = []
    for parts, value in sorted(counts.items(), key=lambda item: tuple(map(str, item[0]))):
        labels = ",".join(f'{name}="{part}"' for name, part in zip(names, parts, strict=True))
        samples.append((f"{{{labels}}}", value))
    return samples
