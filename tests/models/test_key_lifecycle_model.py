"""The timings of the key ring hold in every interleaving at their exact bounds, and no longer one tick beyond any of them."""

from __future__ import annotations

import pytest

from tests.models.key_lifecycle import AS_DESIGNED, WRONG, Broken, Exploration


@pytest.mark.parametrize("bounds", AS_DESIGNED.values(), ids=AS_DESIGNED.keys())
def test_the_design_holds_in_every_interleaving(bounds: Exploration) -> None:
    assert bounds.run() > 1_000


@pytest.mark.parametrize("bounds, broken", WRONG.values(), ids=WRONG.keys())
def test_a_bound_that_is_one_tick_off_breaks_a_property(bounds: Exploration, broken: str) -> None:
    with pytest.raises(Broken, match=f"^{broken} "):
        bounds.run()
