"""The domains about people, on SQLite, with sessions of an hour that end after a day."""

from __future__ import annotations

import pytest

from auth_server.store.store import Store
from tests.support.people import People, people

HOUR = 3_600


@pytest.fixture
def persons(store: Store) -> People:
    """Everything about people, on the virtual clock."""
    return people(store, session_idle=HOUR, session_lifetime=24 * HOUR)
