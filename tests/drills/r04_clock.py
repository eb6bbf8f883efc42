"""R4: clocks. One of two issuers has a wall clock that is wrong: inside ε nothing is rejected; outside it is not ready within ten seconds
and hands out no bad token. Then it is stopped (SIGSTOP) for longer than its signing lease while the keys rotate, and goes on.

Three resource servers verify without pause, two of them with clocks that are wrong by ε in opposite directions.
"""

from __future__ import annotations

import signal
import time

from docs.demo.servers import answers
from tests.drills.minting import Minter
from tests.drills.site import EPS, Site, a_site
from tests.drills.tally import Tally, entries
from tests.drills.verifiers import Verifiers, add_up

# Seconds; what is read of a clock is only good to a few milliseconds, so 0.45 stands for "just inside 0.5".
INSIDE = (0.45, -0.45)
OUTSIDE = (1.5, -1.5, 3600.0, -3600.0, 315_576_000.0, -315_576_000.0)
STOPS, STOPS_IN_FULL = (1, 3, 12), (1, 3, 12, 60, 600, 3600)
NOT_READY_WITHIN = 10.0
_WRONG = 1


def run(*, full: bool) -> Tally:
    """Carry the drill out."""
    tally = Tally("R4")
    with a_site(2, modules={_WRONG: "tests.drills.wrong_clock"}) as site:
        # All ask the issuer whose clock is right: who is cut off for longer than N - W_pub may have to say 503.
        verifiers = Verifiers(site, [0, 0, 0], clock_offset=[0.0, EPS, -EPS])
        minter = Minter(site, verifiers.journal, issuers=2, every=0.1)
        try:
            minter.start()
            for error in INSIDE:
                _set_clock(site, error, tally)
                time.sleep(6)
            slowest = max(_put_outside(site, error, tally) for error in OUTSIDE)
            _set_clock(site, 0.0, tally)
            _wait_until_ready(site, tally)
            for seconds in STOPS_IN_FULL if full else STOPS:
                _stop_for(site, seconds, tally)
            minter.stop()
            results = verifiers.stop()
        finally:
            minter.stop()
            verifiers.kill()
        add_up(tally, results)
        tally.wrongly_accepted += _bad_tokens(verifiers)
        tally.notes.append(f"outside ε not ready after at most {slowest:.1f} s")
        tally.notes.append(f"{minter.asked - minter.refused} tokens, {minter.refused} requests for one answered 503 or not")
        tally.broken += [str(wrong) for wrong in verifiers.wrong()[:3]]
    return tally


def _set_clock(site: Site, error: float, tally: Tally) -> None:
    draft = site.folder / "clock-draft"
    draft.write_text(str(error), encoding="ascii")
    draft.rename(site.folder / f"clock-{_WRONG}")
    tally.faults += 1


def _put_outside(site: Site, error: float, tally: Tally) -> float:
    """Put the clock wrong; return after how many seconds the issuer says that it is not ready, and hold it to making no token then."""
    _set_clock(site, error, tally)
    since = time.monotonic()
    while answers(f"{site.urls[_WRONG]}/readyz"):
        if time.monotonic() - since > NOT_READY_WITHIN:
            tally.broken.append(f"still ready {NOT_READY_WITHIN:.0f} s after its clock went wrong by {error:g} s")
            break
        time.sleep(0.05)
    took = time.monotonic() - since
    answer = site.ask_for_token(_WRONG)
    tally.offered += 1
    if answer is not None and answer.status == 200:
        tally.wrongly_accepted += 1
    else:
        tally.served += 1
    return took


def _wait_until_ready(site: Site, tally: Tally) -> None:
    give_up_at = time.monotonic() + NOT_READY_WITHIN
    while not answers(f"{site.urls[_WRONG]}/readyz"):
        if time.monotonic() > give_up_at:
            tally.broken.append("not ready again although its clock is right")
            return
        time.sleep(0.05)


def _stop_for(site: Site, seconds: float, tally: Tally) -> None:
    """Freeze the issuer, rotate meanwhile if there is time, and let it go on."""
    process = site.servers[_WRONG]._process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    tally.faults += 1
    ends_at = time.monotonic() + seconds
    while time.monotonic() + 2 < ends_at:
        site.rotate()
        time.sleep(min(3, max(0.0, ends_at - time.monotonic())))
    time.sleep(max(0.0, ends_at - time.monotonic()))
    process.send_signal(signal.SIGCONT)
    time.sleep(3)


def _bad_tokens(verifiers: Verifiers) -> int:
    """Count tokens that say they were issued later than they were acknowledged, by more than ε and a second of rounding."""
    return sum(token["iat"] > token["at"] + EPS + 1 for token in entries(verifiers.journal.path))
