"""Which descriptions of a resource make sense."""

from __future__ import annotations

import pytest

from auth_server.resources.metadata import MAX_SCOPES, faults
from tests.support.builders import a_resource


@pytest.mark.parametrize("identifier", ["https://api.example", "http://localhost:8001", "https://api.example/v1/"])
def test_an_ordinary_resource_has_no_fault(identifier: str) -> None:
    assert faults(a_resource(identifier, permissions=frozenset({"notes:admin"}), access_token_lifetime=60)) == []


@pytest.mark.parametrize(
    "identifier", ["", "api", "/v1", "https://api.example/#f", "https://api.example?x", "https://u@api.example"]
)
def test_an_identifier_is_an_absolute_url_without_fragment(identifier: str) -> None:
    """RFC 8707 section 2."""
    assert len(faults(a_resource(identifier))) == 1


@pytest.mark.parametrize("name", ["openid", "profile", "offline_access"])
def test_a_resource_cannot_offer_the_issuers_own_scopes(name: str) -> None:
    assert len(faults(a_resource(scopes=[name], requires={}))) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"scopes": ['a"b'], "requires": {}},
        {"scopes": ["a"], "requires": {"a": "two words"}},
        {"permissions": frozenset({"two words"})},
        {"access_token_lifetime": 0},
        {"access_token_lifetime": 3601},
        {"scopes": [f"s{i}" for i in range(MAX_SCOPES + 1)], "requires": {}},
    ],
)
def test_each_fault_is_told(changes: dict[str, object]) -> None:
    assert len(faults(a_resource(**changes))) == 1  # type: ignore[arg-type]
