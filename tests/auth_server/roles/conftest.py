"""The domains about people, on SQLite."""

from __future__ import annotations

import pytest

from auth_server.store.store import Store
from tests.support.people import People, people


@pytest.fixture
def persons(store: Store) -> People:
    """Everything about people, on the virtual clock."""
    return people(store)
