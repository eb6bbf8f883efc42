"""R20: the models explored, each control included."""

from __future__ import annotations

from tests.drills.tally import Tally
from tests.models.key_lifecycle import AS_DESIGNED, AS_DESIGNED_IN_FULL, WRONG, Broken


def run(*, full: bool) -> Tally:
    """Carry the drill out."""
    tally = Tally("R20")
    states = 0
    for name, bounds in (AS_DESIGNED_IN_FULL if full else AS_DESIGNED).items():
        tally.offered += 1
        try:
            states += bounds.run()
            tally.served += 1
        except Broken as broken:
            tally.broken.append(f"{name}: {broken}")
    for name, (bounds, law) in WRONG.items():
        tally.offered += 1
        try:
            bounds.run()
            tally.broken.append(f"{name} went unnoticed")
        except Broken as broken:
            tally.served += str(broken).startswith(law)
    tally.notes.append(f"{states:,} states, {len(WRONG)} controls")
    return tally
