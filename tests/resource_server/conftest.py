"""Fixtures of the resource server's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from resource_server import Guard
from tests.resource_server.support import IssuerServer, a_guard, an_issuer


@pytest.fixture
def issuer() -> Iterator[IssuerServer]:
    """An issuer's public side, of this test alone."""
    with an_issuer() as server:
        yield server


@pytest.fixture
def guard(issuer: IssuerServer) -> Iterator[Guard]:
    """A guard whose issuer is that server."""
    with a_guard(issuer) as guard:
        yield guard
