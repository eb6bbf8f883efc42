"""How addresses differ that should not."""

from __future__ import annotations

import pytest

from resource_server.diagnosis.addresses import differences, nearest

CASES = [
    ("https://id.example.com/", "https://id.example.com", ["trailing_slash"]),
    ("https://id.example.com", "https://id.example.com/", ["trailing_slash"]),
    ("http://localhost:8000", "http://auth_server:8000", ["localhost_for_container_name"]),
    ("http://keycloak:8080/realms/a", "http://localhost:8080/realms/a", ["localhost_for_container_name"]),
    ("http://127.0.0.1:8000", "http://localhost:8000", ["localhost_for_container_name"]),
    ("http://localhost:8000/", "http://auth_server:8000", ["trailing_slash", "localhost_for_container_name"]),
    ("http://auth.internal:8000", "http://auth:8000", ["localhost_for_container_name"]),
    ("http://localhost:8000", "https://id.example.com", ["local_for_public_name"]),
    ("https://id.example.com", "http://auth_server:8000", ["local_for_public_name"]),
    ("http://id.example.com", "https://id.example.com", ["http_for_https"]),
    ("https://id.example.com:443", "https://id.example.com", ["port_differs"]),
    ("https://ID.example.com", "https://id.example.com", ["letter_case"]),
    ("https://staging.example.com", "https://id.example.com", []),
    ("https://id.example.com/realms/a", "https://id.example.com/realms/b", []),
    ("account", "https://orders.example.com", []),
    ("http://[", "https://orders.example.com", []),
    ("https://id.example.com", "https://id.example.com", []),
]


@pytest.mark.parametrize("got,expected,names", CASES)
def test_a_difference_is_named(got: str, expected: str, names: list[str]) -> None:
    found = differences("issuer", got, expected)

    assert [mistake.name for mistake in found] == names
    assert all(mistake.todo for mistake in found)


def test_two_servers_are_not_said_to_be_one() -> None:
    """A default that was left in place beside a public name: nobody knows whether it is the same server."""
    found = differences("audience", "http://localhost:8001", "https://orders.example.com")

    assert "RESOURCE_SERVER_AUDIENCE" in found[0].todo
    assert not any("the same server under two network names" in mistake.meaning for mistake in found)


def test_of_several_the_one_that_is_nearly_right_is_named() -> None:
    found = nearest("audience", ["account", "https://a.example/"], "https://a.example")

    assert [mistake.name for mistake in found] == ["trailing_slash"]
