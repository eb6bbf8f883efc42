"""The pytest plugin: one issuer for the whole run, well again before each test. Found by pytest through its entry point `pytest11`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from resource_server.guard import Guard
    from resource_server.testing.contract import Resources
    from resource_server.testing.issuer import RunningIssuer

_REAL = {"auto": None, "real": True, "keys": False}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that chooses between the real issuer and the key-only stand-in."""
    parser.addoption(
        "--sealwright-issuer",
        choices=sorted(_REAL),
        default="auto",
        help="the issuer of the fixture sealwright_issuer: the real one, one that knows keys alone, or the real one if it is installed",
    )


@pytest.fixture(scope="session")
def sealwright_resources() -> Resources:
    """The APIs that the issuer makes tokens for, with their scopes. Override it in your conftest.py."""
    from resource_server.testing.issuer import DEFAULT_RESOURCES

    return DEFAULT_RESOURCES


@pytest.fixture(scope="session")
def sealwright_issuer_of_session(request: pytest.FixtureRequest, sealwright_resources: Resources) -> Iterator[RunningIssuer]:
    """The issuer of the whole run: for other fixtures of session scope. Tests take `sealwright_issuer`."""
    # Imported here: pytest loads a plugin in every run, also where nobody asks for an issuer.
    from resource_server.testing.issuer import start_issuer

    with start_issuer(sealwright_resources, real=_REAL[request.config.getoption("--sealwright-issuer")]) as issuer:
        yield issuer


@pytest.fixture
def sealwright_issuer(sealwright_issuer_of_session: RunningIssuer) -> Iterator[RunningIssuer]:
    """The issuer, without the faults of an earlier test."""
    sealwright_issuer_of_session.come_back()
    yield sealwright_issuer_of_session
    sealwright_issuer_of_session.come_back()


@pytest.fixture
def sealwright_guard(sealwright_issuer: RunningIssuer) -> Iterator[Guard]:
    """A guard that trusts the issuer and has its keys."""
    guard = sealwright_issuer.guard()
    guard.warm()
    yield guard
    guard.close()
