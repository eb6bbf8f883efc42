"""One issuer for all foreign clients of this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.site import Site, a_site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running issuer and an API."""
    with a_site(tmp_path_factory.mktemp("interop")) as running:
        yield running
