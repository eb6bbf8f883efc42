"""The rules of refresh families hold in every interleaving; six other sets of rules do not."""

from __future__ import annotations

import pytest

from tests.models.refresh_family import Broken, Exploration, Rules

AS_DESIGNED = {
    "two tabs": Exploration(generations=3),
    "three tabs": Exploration(tabs=3, horizon=5),
    "two tabs and a thief": Exploration(thief=True, generations=3),
}

WRONG = {
    "strict single use": (Exploration(Rules(replays=False)), "P1"),
    "no quiet window": (Exploration(Rules(rotates_at_once=True)), "P1"),
    "one short grace": (Exploration(Rules(one_short_grace=True)), "P1"),
    "the parent accepted for ever": (Exploration(Rules(parent_for_ever=True), thief=True), "P2"),
    "replay extends the grace": (Exploration(Rules(replay_extends=True), thief=True, horizon=10), "P2"),
    "any ancestor within its own grace": (
        Exploration(Rules(quiet=3, grace=3, any_ancestor=True, rotates_at_once=True), thief=True, horizon=5),
        "P4",
    ),
}


@pytest.mark.parametrize("bounds", AS_DESIGNED.values(), ids=AS_DESIGNED.keys())
def test_the_design_holds_in_every_interleaving(bounds: Exploration) -> None:
    assert bounds.run() > 1_000


@pytest.mark.parametrize("bounds, broken", WRONG.values(), ids=WRONG.keys())
def test_other_rules_break_a_property(bounds: Exploration, broken: str) -> None:
    with pytest.raises(Broken, match=f"^{broken} "):
        bounds.run()
