"""The outside world, for attacks by what is fetched from it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.outside import Outside, an_outside


@pytest.fixture
async def outside(tmp_path: Path) -> AsyncIterator[Outside]:
    """Servers of others, on loopback under names of their own."""
    async with an_outside(tmp_path / "outside") as made:
        yield made
