"""Which resource a token is for."""

from __future__ import annotations

import pytest

from auth_server.clients.service import FIRST_PARTY
from auth_server.protocol.client import Client
from auth_server.protocol.errors import InvalidTarget
from auth_server.protocol.resource import choose_audience
from tests.support.builders import NOTES, a_client, a_resource

WAGES = "https://wages.example"
PRIVATE = "https://private.example"
RESOURCES = {
    NOTES: a_resource(),
    f"{WAGES}/v1": a_resource(f"{WAGES}/v1", scopes=["v1"], requires={}),
    WAGES: a_resource(WAGES, scopes=["wages:read", "list"], requires={}),
    PRIVATE: a_resource(PRIVATE, scopes=["private:read", "list"], requires={}, first_party=False),
}
EVERYTHING = a_client(scope=frozenset({"notes:read", "wages:read", "private:read", "list", "v1"}))


def _chosen(client: Client, *, asked: str | None = None, scope: set[str] | None = None, default: str | None = None) -> str | None:
    try:
        return choose_audience(asked, None if scope is None else frozenset(scope), client, RESOURCES, default).identifier
    except InvalidTarget:
        return None


def test_the_resource_asked_for_is_it() -> None:
    assert _chosen(EVERYTHING, asked=WAGES, scope={"notes:read"}, default=NOTES) == WAGES


@pytest.mark.parametrize("asked", ["https://unknown.example", NOTES + "//", "relative/path", NOTES + "#f", f"{WAGES}/v1/"])
def test_no_other_than_a_known_one_may_be_asked_for(asked: str) -> None:
    assert _chosen(EVERYTHING, asked=asked, default=NOTES) is None


def test_a_bare_origin_may_have_the_slash_that_url_libraries_write() -> None:
    """RFC 3986 section 6.2.3; what the token says is the registered text."""
    assert _chosen(EVERYTHING, asked=f"{WAGES}/") == WAGES


def test_a_resource_of_which_the_client_may_have_nothing_is_unknown_to_it() -> None:
    assert _chosen(a_client(scope=frozenset({"notes:read"})), asked=WAGES) is None


def test_else_it_is_the_one_that_owns_all_the_scopes_asked_for() -> None:
    assert _chosen(EVERYTHING, scope={"wages:read", "list"}, default=NOTES) == WAGES


@pytest.mark.parametrize("scope", [{"list"}, {"notes:read", "wages:read"}, {"unknown"}])
def test_else_it_is_the_default(scope: set[str]) -> None:
    assert _chosen(EVERYTHING, scope=scope, default=NOTES) == NOTES
    assert _chosen(EVERYTHING, scope=scope) is None


def test_nothing_asked_is_the_default_rather_than_the_owner_of_all_scopes() -> None:
    client = a_client(scope=frozenset({"wages:read"}), default_resource=NOTES)

    assert _chosen(client, default=NOTES) == NOTES


def test_nothing_asked_and_no_default_is_the_only_owner_of_the_clients_scopes() -> None:
    assert _chosen(a_client(scope=frozenset({"notes:read", "notes:write", "offline_access"}))) == NOTES
    assert _chosen(EVERYTHING) is None


def test_the_first_party_client_may_use_first_party_resources_alone() -> None:
    assert _chosen(FIRST_PARTY, asked=NOTES) == NOTES
    assert _chosen(FIRST_PARTY, asked=PRIVATE) is None
    assert _chosen(FIRST_PARTY, scope={"private:read"}, default=NOTES) == NOTES


def test_the_first_party_client_needs_no_default_when_there_is_but_one() -> None:
    only = {NOTES: RESOURCES[NOTES], PRIVATE: RESOURCES[PRIVATE]}

    assert choose_audience(None, None, FIRST_PARTY, only, None).identifier == NOTES
    assert _chosen(FIRST_PARTY) is None


def test_nothing_can_be_chosen_where_there_is_nothing() -> None:
    with pytest.raises(InvalidTarget):
        choose_audience(None, None, FIRST_PARTY, {}, None)
