"""One pair of servers for all stories that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flows.pair import Pair, make_pair


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A running pair with alice (editor), root (admin) and eve (no role)."""
    made = make_pair(tmp_path_factory.mktemp("pair"), {"alice": ["editor"], "root": ["admin"], "eve": []})
    try:
        made.auth.start()
        made.resource.start()
        yield made
    finally:
        made.resource.stop()
        made.auth.stop()
