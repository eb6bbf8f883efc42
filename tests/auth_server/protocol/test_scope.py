"""Which scopes are granted."""

from __future__ import annotations

import pytest

from auth_server.clients.service import FIRST_PARTY
from auth_server.protocol.errors import InvalidScope
from auth_server.protocol.scope import may_go_offline, narrow_scope
from tests.support.builders import a_client, a_resource

READ, WRITE = frozenset({"notes:read"}), frozenset({"notes:write"})
NOBODY: frozenset[str] = frozenset()


def test_nothing_asked_is_all_that_the_client_may_have_there() -> None:
    client = a_client(scope=frozenset({"notes:read", "wages:read", "offline_access"}))

    assert narrow_scope(None, client, a_resource(), NOBODY) == READ


def test_what_is_asked_is_cut_to_what_the_client_may_have() -> None:
    assert narrow_scope(READ | WRITE, a_client(scope=READ), a_resource(), frozenset({"notes:write"})) == READ


def test_what_is_asked_is_cut_to_what_the_resource_offers() -> None:
    assert narrow_scope(READ | WRITE, a_client(), a_resource(scopes=["notes:read"]), frozenset({"notes:write"})) == READ


def test_a_scope_that_requires_a_permission_is_granted_to_whoever_has_it() -> None:
    assert narrow_scope(None, a_client(), a_resource(), NOBODY) == READ
    assert narrow_scope(None, a_client(), a_resource(), frozenset({"notes:write"})) == READ | WRITE


def test_a_client_that_acts_for_itself_has_no_permission() -> None:
    assert narrow_scope(None, a_client(), a_resource(), None) == READ


def test_nothing_left_of_what_was_asked_is_an_invalid_scope() -> None:
    with pytest.raises(InvalidScope):
        narrow_scope(WRITE, a_client(), a_resource(), NOBODY)


def test_the_first_party_client_may_have_all_that_a_resource_offers() -> None:
    assert narrow_scope(None, FIRST_PARTY, a_resource(), frozenset({"notes:write"})) == READ | WRITE


@pytest.mark.parametrize(
    "asked, scope, offline",
    [
        (None, {"offline_access"}, False),
        ({"notes:read"}, {"offline_access"}, False),
        ({"offline_access"}, {"offline_access"}, True),
        ({"offline_access"}, {"notes:read"}, False),
    ],
)
def test_a_family_outlives_the_session_when_it_is_asked_for_and_allowed(
    asked: set[str] | None, scope: set[str], offline: bool
) -> None:
    client = a_client(scope=frozenset(scope))

    assert may_go_offline(None if asked is None else frozenset(asked), client) is offline
