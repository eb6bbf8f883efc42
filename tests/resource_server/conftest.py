"""Fixtures of the resource server's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from resource_server import Guard
from resource_server.signals import Signals
from tests.resource_server.events_of_others import BEARER
from tests.resource_server.feeds import FakeFeed, a_feed
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


@pytest.fixture
def feed(issuer: IssuerServer) -> Iterator[FakeFeed]:
    """The feed of that issuer."""
    with a_feed(issuer) as feed:
        yield feed


@pytest.fixture
def signals(guard: Guard) -> Signals:
    """A receiver of that guard's, which wants to see a header."""
    guard.warm()
    return Signals(guard, authorization=BEARER)
