"""R1: keys rotate again and again while three resource servers verify without pause; not one valid token is rejected.

Two issuers on one PostgreSQL rotate by themselves every 66 s, the least that the leeway of 60 s allows; an operator's `key rotate` has
the standby sign as soon as it is N old, which is every five seconds or so. Tokens are presented until `exp` and the leeway are over.
It goes on until both counts are reached: what a busy machine does in a given time says nothing about keys.
"""

from __future__ import annotations

import time
from typing import Any, Final

from tests.drills.minting import Minter
from tests.drills.site import Site, a_site
from tests.drills.tally import Tally
from tests.drills.verifiers import Verifiers, add_up

ROTATIONS, VERIFICATIONS = 50, 1_000_000
ROTATIONS_IN_FULL, VERIFICATIONS_IN_FULL = 500, 10_000_000
# A standby is N = 4.6 s old six seconds after the last rotation or so. Twice that, and five minutes for a machine that has other work
# to catch up with the verifications: then it is broken.
_SECONDS_PER_ROTATION: Final = 12
_TO_CATCH_UP: Final = 300


def run(*, full: bool) -> Tally:
    """Carry the drill out."""
    tally = Tally("R1")
    with a_site(2) as site:
        verifiers = Verifiers(site, [0, 1, 0])
        minter = Minter(site, verifiers.journal, issuers=2)
        try:
            minter.start()
            acknowledged = _rotate(site, verifiers, *_counts(full))
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


def _counts(full: bool) -> tuple[int, int]:
    return (ROTATIONS_IN_FULL, VERIFICATIONS_IN_FULL) if full else (ROTATIONS, VERIFICATIONS)


def _rotate(site: Site, verifiers: Verifiers, rotations: int, verifications: int) -> list[str]:
    """Rotate as soon as it is legal until there was enough of both; return what was acknowledged."""
    acknowledged: list[str] = []
    gives_up_at = time.monotonic() + rotations * _SECONDS_PER_ROTATION + _TO_CATCH_UP
    while time.monotonic() < gives_up_at and (len(acknowledged) < rotations or verifiers.accepted() < verifications):
        kid = site.rotate()
        if kid is not None:
            acknowledged.append(kid)
        time.sleep(1)
    return acknowledged


def _judge(tally: Tally, acknowledged: list[str], keys: list[dict[str, Any]], verified: int, full: bool) -> None:
    signed = {key["kid"] for key in keys if key["signing_since"] is not None}
    tally.lost = len(set(acknowledged) - signed)
    tally.faults = len(signed) - 1
    rotations, verifications = _counts(full)
    tally.notes.append(f"{len(signed) - 1} rotations")
    if len(signed) - 1 < rotations or verified < verifications:
        tally.broken.append(
            f"only {len(signed) - 1} of {rotations} rotations and {verified:,} of {verifications:,} verifications"
        )
