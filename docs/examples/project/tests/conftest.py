"""The API of a test, behind a guard that trusts the issuer of the test."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from orders import create_app

from resource_server import Guard

AUDIENCE = "https://orders.example.com"


@pytest.fixture(scope="session")
def sealwright_resources() -> dict[str, list[str]]:
    """What the issuer makes tokens for."""
    return {AUDIENCE: ["orders:read", "orders:write"]}


@pytest.fixture
def client(sealwright_guard: Guard) -> FlaskClient:
    """A client of the API."""
    return create_app(sealwright_guard).test_client()
