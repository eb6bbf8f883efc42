"""R1: keys rotate again and again while three resource servers verify without pause; not one valid token is rejected.

Two issuers on one PostgreSQL rotate by themselves every 66 s, the least that the leeway of 60 s allows; an operator's `key rotate` has
the standby sign as soon as it is N old, which is every five seconds or so. Tokens are presented until `exp` and the leeway are over.
"""

from __future__ import annotations

import time
from typing import Any

from tests.drills.minting import Minter
from tests.drills.site import Site, a_site
from tests.drills.tally import Tally
from tests.drills.verifiers import Verifiers, add_up

ROTATIONS, VERIFICATIONS = 50, 1_000_000
ROTATIONS_IN_FULL, VERIFICATIONS_IN_FULL = 500, 10_000_000
_LEAST_SECONDS, _LEAST_SECONDS_IN_FULL = 270, 2700


def run(*, full: bool) -> Tally:
    """Carry the drill out."""
    tally = Tally("R1")
    with a_site(2) as site:
        verifiers = Verifiers(site, [0, 1, 0])
        minter = Minter(site, verifiers.journal, issuers=2)
        try:
            minter.start()
            acknowledged = _rotate(
                site, ROTATIONS_IN_FULL if full else ROTATIONS, _LEAST_SECONDS_IN_FULL if full else _LEAST_SECONDS
            )
            minter.stop()
            results = verifiers.stop()
        finally:
            minter.stop()
            verifiers.kill()
        sums = add_up(tally, results)
        keys = site.every_key()
        _judge(tally, acknowledged, keys, sums["accepted"], full)
        tally.notes.append(f"{minter.asked - minter.refused} tokens, {minter.refused} requests for one answered 503")
        tally.broken += [str(wrong) for wrong in verifiers.wrong()[:3]]
    return tally


def _rotate(site: Site, rotations: int, least_seconds: float) -> list[str]:
    """Rotate as soon as it is legal; return what was acknowledged."""
    acknowledged: list[str] = []
    ends_at = time.monotonic() + least_seconds
    while len(acknowledged) < rotations or time.monotonic() < ends_at:
        kid = site.rotate()
        if kid is not None:
            acknowledged.append(kid)
        time.sleep(1)
    return acknowledged


def _judge(tally: Tally, acknowledged: list[str], keys: list[dict[str, Any]], verified: int, full: bool) -> None:
    signed = {key["kid"] for key in keys if key["signing_since"] is not None}
    tally.lost = len(set(acknowledged) - signed)
    tally.faults = len(signed) - 1
    rotations, verifications = (ROTATIONS_IN_FULL, VERIFICATIONS_IN_FULL) if full else (ROTATIONS, VERIFICATIONS)
    tally.notes.append(f"{len(signed) - 1} rotations")
    if len(signed) - 1 < rotations or verified < verifications:
        tally.broken.append(
            f"only {len(signed) - 1} of {rotations} rotations and {verified:,} of {verifications:,} verifications"
        )
