"""Which names a role and its permissions may have, and what a resource gets to see of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.protocol.people import permissions_of_roles, visible_to
from auth_server.protocol.resource import Resource, ResourceScope
from auth_server.roles.rules import MAX_PERMISSIONS, faults
from shared.scope import is_scope_token


@pytest.mark.parametrize("name", ["admin", "notes:editor", "Team-1.lead", "x" * 64])
def test_names_are_acceptable(name: str) -> None:
    assert faults(name, ["notes:read", "https://api.example/write"]) == []


@pytest.mark.parametrize("name", ["", "x" * 65, "two words", "-x", "rôle", "admin\n", 'a"b', "a\0"])
def test_a_name_that_could_not_be_typed_or_quoted_is_refused(name: str) -> None:
    assert len(faults(name, [])) == 1


@pytest.mark.parametrize("permission", ["", "two words", 'a"b', "a\\b", "ü", "a\n", "x" * 129])
def test_a_permission_that_could_not_be_a_scope_is_refused(permission: str) -> None:
    assert len(faults("editor", ["fine", permission])) == 1


def test_a_role_has_a_bounded_number_of_permissions() -> None:
    assert faults("editor", map(str, range(MAX_PERMISSIONS))) == []
    assert len(faults("editor", map(str, range(MAX_PERMISSIONS + 1)))) == 1


@given(st.text(max_size=8))
def test_an_acceptable_permission_is_a_scope_token(permission: str) -> None:
    if not faults("editor", [permission]):
        assert is_scope_token(permission)


words = st.sampled_from("abcdefgh")
several = st.frozensets(words)
definitions = st.dictionaries(st.sampled_from("RSTU"), several)


@given(st.frozensets(st.sampled_from("RSTUV")), definitions, several, several, st.none() | words)
def test_a_resource_sees_what_it_has_a_word_for_and_nothing_else(
    roles: frozenset[str],
    permissions_of: dict[str, frozenset[str]],
    scopes: frozenset[str],
    declared: frozenset[str],
    required: str | None,
) -> None:
    """RFC 9068 section 2.2.3.1: filtered to the resource asked for."""
    resource = Resource("https://a.example", "A", {name: ResourceScope(name, "", required) for name in scopes}, declared)
    known = scopes | declared | ({required} if required and scopes else set())
    visible = visible_to(resource, roles, permissions_of)

    assert set(visible.permissions) == permissions_of_roles(roles, permissions_of) & known
    assert set(visible.roles) == {role for role in roles if permissions_of.get(role, frozenset()) & known}
    assert list(visible.roles) == sorted(visible.roles)


@given(st.frozensets(st.sampled_from("RSTU")), st.sampled_from("RSTU"), definitions, several)
def test_one_more_role_never_hides_anything(
    roles: frozenset[str], more: str, permissions_of: dict[str, frozenset[str]], declared: frozenset[str]
) -> None:
    resource = Resource("https://a.example", "A", {}, declared)
    fewer, after = visible_to(resource, roles, permissions_of), visible_to(resource, roles | {more}, permissions_of)

    assert set(fewer.roles) <= set(after.roles)
    assert set(fewer.permissions) <= set(after.permissions)
