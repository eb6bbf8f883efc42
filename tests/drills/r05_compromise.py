"""R5: keys are burned under load. When was a token under a burned key last accepted, by a resource server that polls, by one that follows
the revocation feed and hardly ever polls, and by one that cannot reach any issuer any more, and is every token under the key that was
promoted accepted?

H is 20 s here, W_pub + M 4.5 s. A set may be W_pub old when it is fetched, so whoever is cut off right after may use it for W_pub + H.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from tests.drills.minting import Minter
from tests.drills.site import BY_POLLING, REFRESH, Site, a_site
from tests.drills.tally import Tally
from tests.drills.verifiers import Verifiers, add_up

BURNS, BURNS_IN_FULL = 3, 50
MAX_STALE = 20.0
BY_ANYONE = 2 + MAX_STALE
# The third issuer serves the third resource server alone, and goes away just before the last burn.
_POLLING = (0, 1)
_CUT_OFF = 2
# The fourth asks for keys once in ten minutes, so only the feed can tell it.
_ON_THE_FEED = 3
BY_THE_FEED = 15.0


_BOUNDS = {_CUT_OFF: ("cut off", BY_ANYONE), _ON_THE_FEED: ("by the feed", BY_THE_FEED)}


def run(*, full: bool) -> Tally:
    """Carry the drill out."""
    tally = Tally("R5")
    with a_site(3) as site:
        verifiers = Verifiers(
            site,
            [0, 1, 2, 0],
            max_stale=[MAX_STALE] * 3 + [86_400],
            refresh=[REFRESH] * 3 + [600],
            follow_feed=[False] * 3 + [True],
        )
        minter = Minter(site, verifiers.journal, issuers=2)
        try:
            minter.start()
            burned = _burn(site, BURNS_IN_FULL if full else BURNS, tally)
            time.sleep(BY_ANYONE + 3)
            minter.stop()
            results = verifiers.stop()
        finally:
            minter.stop()
            verifiers.kill()
        _judge(tally, burned, results, site)
        tally.notes.append(f"{minter.asked - minter.refused} tokens, {minter.refused} requests for one answered 503")
    return tally


def _burn(site: Site, count: int, tally: Tally) -> dict[str, float]:
    """Burn the active key again and again; return when each was acknowledged to be dead."""
    burned: dict[str, float] = {}
    for number in range(count):
        time.sleep(8)  # so that the standby is N old: what new tokens meet is then known to everybody
        if number == count - 1:
            site.servers[_CUT_OFF].stop()
            tally.faults += 1
        active = next(key["kid"] for key in site.every_key() if key["state"] == "active")
        site.burn(active)
        burned[active] = time.time()
        tally.faults += 1
    return burned


def _judge(tally: Tally, burned: dict[str, float], results: list[dict[str, Any]], site: Site) -> None:
    for number, result in enumerate(results):
        # Tokens under a burned key are refused on purpose, and the one that is cut off decides nothing after H.
        on_purpose = sum(count for name, count in result["counts"].items() if name.removeprefix("refused ") in burned)
        result["counts"]["refused"] = result["counts"].get("refused", 0) - on_purpose
        result["counts"]["rightly_refused"] = result["counts"].get("rightly_refused", 0) + on_purpose
        if number == _CUT_OFF:
            result["counts"]["rightly_refused"] += result["counts"].pop("undecided", 0)
    add_up(tally, results)
    late: Counter[str] = Counter()
    for number, result in enumerate(results):
        kind, bound = _BOUNDS.get(number, ("by polling", BY_POLLING))
        after = max((at - burned[kid] for kid, at in result["last_accepted"].items() if kid in burned), default=0.0)
        tally.wrongly_accepted += after > bound
        late[kind] = max(late[kind], round(after * 1000))
    tally.notes += [f"last accepted {kind} {ms / 1000:.1f} s after" for kind, ms in late.items()]
    states = {key["kid"]: key["state"] for key in site.every_key()}
    tally.lost = sum(states.get(kid) != "compromised" for kid in burned)
