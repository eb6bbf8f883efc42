"""The notes service, and two people who may use it."""

from __future__ import annotations

from typing import Any

import pytest

from resource_server import Guard
from resource_server.demo.app import build_app
from tests.resource_server.support import IssuerServer

BOTH = "notes:read notes:write"


@pytest.fixture
def app(guard: Guard) -> Any:
    """The notes service of that guard."""
    return build_app(guard)


@pytest.fixture
def alice(issuer: IssuerServer) -> bytes:
    """A token of somebody who may read and write."""
    return issuer.token(scope=BOTH)


@pytest.fixture
def bob(issuer: IssuerServer) -> bytes:
    """A token of somebody else who may."""
    return issuer.token(sub="bob", scope=BOTH)
