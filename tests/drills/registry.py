"""The drills that exist, by name, in the order in which they are worth most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.drills import (
    r01_rotation,
    r03_partition,
    r04_clock,
    r05_compromise,
    r06_kills,
    r07_races,
    r08_revocation,
    r19_properties,
    r20_models,
    r21_key_set_abuse,
    r24_restore,
    r25_key_encryption_keys,
    r27_issuer_gone,
)
from tests.drills.tally import Tally

DRILLS: Final[dict[str, Callable[..., Tally]]] = {
    "R20": r20_models.run,
    "R1": r01_rotation.run,
    "R5": r05_compromise.run,
    "R6": r06_kills.run,
    "R7": r07_races.run,
    "R8": r08_revocation.run,
    "R4": r04_clock.run,
    "R24": r24_restore.run,
    "R25": r25_key_encryption_keys.run,
    "R3": r03_partition.run,
    "R21": r21_key_set_abuse.run,
    "R27": r27_issuer_gone.run,
    "R19": r19_properties.run,
}
