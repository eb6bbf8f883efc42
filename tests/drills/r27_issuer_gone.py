"""R27: the issuer is gone for seven days and comes back; nothing is restarted by hand, and nothing valid is rejected.

The issuer is a process that is killed, and started again on a clock that is seven days ahead (libfaketime). Three resource servers live
through these days on a clock that is moved, then in real time.
"""

from __future__ import annotations

import time
from typing import Final

from benchmarks.peers.process import find_faketime
from resource_server import Guard
from tests.drills.lone_issuer import LoneIssuer, a_lone_issuer
from tests.drills.presenting import MovedClock, Presenting, spoil, wake
from tests.drills.site import API, CannotRun
from tests.drills.tally import Tally
from tests.support.keys import claims_of

DAYS: Final = 7
HEALTHY_WITHIN: Final = 60.0
SERVERS: Final = 3
_LEEWAY: Final = 60
_HOUR: Final = 3600
TOKENS, TOKENS_IN_FULL = 50, 500


def run(*, full: bool) -> Tally:
    """Carry the drill out."""
    if find_faketime() is None:
        raise CannotRun("libfaketime (Debian's package `faketime`) was not found")
    tally, clock = Tally("R27"), MovedClock()
    with a_lone_issuer() as issuer:
        present = [Presenting(_guard(issuer, clock), tally) for _ in range(SERVERS)]
        try:
            tokens = [token for _ in range(TOKENS_IN_FULL if full else TOKENS) if (token := issuer.token()) is not None]
            for each in present:
                each.guard.warm(20)
                for token in tokens:
                    each.must_accept(token)
            issuer.server.kill()
            tally.faults += 1
            _live_through(present, tokens, clock, tally)
            issuer.start_ahead(clock.ahead)
            _come_back(issuer, present, tokens, tally)
        finally:
            for each in present:
                each.guard.close()
    tally.notes.append(f"{sum(each.told_to_come_again for each in present)} times told to come again (503)")
    return tally


def _guard(issuer: LoneIssuer, clock: MovedClock) -> Guard:
    return Guard(
        issuer=issuer.url,
        audience=API,
        cached_tokens=0,
        clock=clock.wall,
        monotonic=clock.monotonic,
        on_event=lambda *_: None,
    )


def _live_through(present: list[Presenting], tokens: list[str], clock: MovedClock, tally: Tally) -> None:
    """Minutes until every token is over, then hours: valid ones pass, the others never, and after H nobody says to be ready."""
    ends = {token: claims_of(token)["exp"] + _LEEWAY for token in tokens}
    while clock.ahead < DAYS * 24 * _HOUR:
        clock.ahead += 60 if clock.wall() < max(ends.values()) + 120 else _HOUR
        now = clock.wall()
        for each in present:
            for token in tokens:
                if now < ends[token] - 2:
                    each.must_accept(token)
                elif now > ends[token] + 2:
                    each.must_refuse(token)
            each.must_refuse(spoil(tokens[0]))
            wake(each.guard)
    for each in present:
        if each.guard.ready().ready:
            tally.broken.append("says to be ready with keys that are seven days old")


def _come_back(issuer: LoneIssuer, present: list[Presenting], tokens: list[str], tally: Tally) -> None:
    """Wait for the issuer, then for each resource server, in real time and without a word to any of them."""
    issuer.server.wait_until_ready()
    back_at = time.monotonic()
    fresh = [token for _ in range(len(tokens)) if (token := issuer.token()) is not None]
    if len(fresh) < len(tokens):
        tally.broken.append(f"only {len(fresh)} of {len(tokens)} tokens after the return")
    healthy: dict[int, float] = {}
    while len(healthy) < len(present) and time.monotonic() < back_at + 2 * HEALTHY_WITHIN:
        for number, each in enumerate(present):
            if number not in healthy and each.guard.ready().ready and not each.is_degraded:
                healthy[number] = time.monotonic() - back_at
        time.sleep(0.1)
    slowest = max(healthy.values(), default=float("inf")) if len(healthy) == len(present) else float("inf")
    if slowest > HEALTHY_WITHIN:
        tally.broken.append(f"not all healthy within {HEALTHY_WITHIN:.0f} s of the return")
    for each in present:
        for token in fresh:
            each.must_accept(token)
        for token in tokens:
            each.must_refuse(token)
    tally.notes.append(f"{DAYS} days simulated; all {len(present)} healthy {slowest:.1f} s after the issuer was back")
