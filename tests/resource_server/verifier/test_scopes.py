"""What a route may ask of a token."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from resource_server.verifier import errors, scopes
from resource_server.verifier.errors import InsufficientScope, MissingPermission, MissingRole, PersonRequired
from resource_server.verifier.scopes import Requirement, requirement
from resource_server.verifier.token import VerifiedToken
from resource_server.verifier.verify import verify
from tests.resource_server.support import NOW, a_key_set, a_policy, a_token, claims

TOKEN = verify(a_token(claims(scope="read write", roles=["editor"], entitlements=["notes:write"])), a_key_set(), a_policy(), NOW)
CLIENT = verify(a_token(claims(sub="app", scope="read")), a_key_set(), a_policy(), NOW)


def a_verified(**members: object) -> VerifiedToken:
    return verify(a_token(claims(**members)), a_key_set(), a_policy(), NOW)


def test_what_is_held_passes() -> None:
    scopes.require_scopes(TOKEN, "read", "write")
    scopes.require_any_scope(TOKEN, "other", "read")
    scopes.require_roles(TOKEN, "editor")
    scopes.require_any_role(TOKEN, "admin", "editor")
    scopes.require_permissions(TOKEN, "notes:write")
    scopes.require_any_permission(TOKEN, "notes:write", "other")
    Requirement(person=True).check(TOKEN)


def test_every_scope_is_needed_and_the_challenge_names_them() -> None:
    with pytest.raises(InsufficientScope) as refusal:
        scopes.require_scopes(TOKEN, "write", "read", "admin")

    assert refusal.value.scope == "admin read write"
    assert (refusal.value.status, refusal.value.reason) == (403, "insufficient_scope")


@pytest.mark.parametrize("scope", ["rea", "reads", "READ", "read write"])
def test_a_scope_counts_only_as_a_whole(scope: str) -> None:
    if " " in scope:
        with pytest.raises(ValueError, match="scope"):
            scopes.require_scopes(TOKEN, scope)
        return
    with pytest.raises(InsufficientScope):
        scopes.require_scopes(TOKEN, scope)


def test_one_of_several_scopes_is_needed() -> None:
    with pytest.raises(InsufficientScope):
        scopes.require_any_scope(TOKEN, "a", "b")


@pytest.mark.parametrize("ask", [scopes.require_roles, scopes.require_any_role])
def test_a_missing_role_is_told_without_a_scope(ask) -> None:
    with pytest.raises(MissingRole) as refusal:
        ask(TOKEN, "admin")

    assert (refusal.value.status, refusal.value.scope) == (403, None)


@pytest.mark.parametrize("ask", [scopes.require_permissions, scopes.require_any_permission])
def test_a_missing_permission_is_told_without_a_scope(ask) -> None:
    with pytest.raises(MissingPermission) as refusal:
        ask(TOKEN, "admin:all")

    assert (refusal.value.status, refusal.value.scope) == (403, None)


def test_a_client_is_no_person() -> None:
    with pytest.raises(PersonRequired):
        Requirement(person=True).check(CLIENT)


@pytest.mark.parametrize(
    "ask",
    [
        scopes.require_scopes,
        scopes.require_any_scope,
        scopes.require_roles,
        scopes.require_any_role,
        scopes.require_permissions,
        scopes.require_any_permission,
    ],
)
def test_an_empty_list_of_rules_is_an_error_and_no_pass(ask) -> None:
    with pytest.raises(ValueError, match="empty"):
        ask(TOKEN)


@pytest.mark.parametrize(
    "wrong",
    [
        {"any_scope": frozenset()},
        {"any_role": frozenset()},
        {"any_permission": frozenset()},
        {"scopes": frozenset({""})},
        {"scopes": frozenset({'a"b'})},
        {"any_scope": frozenset({"a b"})},
        {"roles": frozenset({""})},
    ],
)
def test_a_requirement_that_says_nothing_sensible_is_an_error(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Requirement(**wrong)


@pytest.mark.parametrize("typing_error", [{"roles": "admin"}, {"scopes": ["read"]}, {"any_scopes": ["read"]}, {"Role": "admin"}])
def test_a_rule_that_nobody_reads_is_an_error_and_no_pass(typing_error: Any) -> None:
    """`requires("read", roles="admin")` would let in whoever may read."""
    with pytest.raises(TypeError, match="no such rule"):
        requirement("read", **typing_error)


@pytest.mark.parametrize("empty", [{"role": []}, {"permission": ()}, {"acr": []}, {"role": ""}, {"acr": ""}, {"any_role": []}])
def test_a_rule_that_asks_for_nothing_is_an_error_and_no_pass(empty: Any) -> None:
    """A list that was to be filled from settings, and was not, must not open the route."""
    with pytest.raises(ValueError, match=r"\w"):
        requirement("read", **empty)


def test_scopes_are_arguments_each_of_its_own() -> None:
    with pytest.raises(TypeError, match="argument of its own"):
        requirement(["read", "write"])  # type: ignore[arg-type]


def test_a_lone_string_is_one_name() -> None:
    assert scopes.names("admin") == {"admin"}
    assert scopes.names(["a", "b"]) == {"a", "b"}
    assert scopes.names(None) == frozenset()


# A fresher or stronger sign-in (RFC 9470).


def test_a_sign_in_of_another_class_is_not_enough() -> None:
    strong = requirement(acr=["phr", "mfa"])

    strong.check(a_verified(acr="mfa"))
    for held in (a_verified(acr="pwd"), a_verified(), a_verified(acr="mf")):
        with pytest.raises(errors.InsufficientUserAuthentication) as refused:
            strong.check(held)
        assert refused.value.challenge is not None
        assert 'error="insufficient_user_authentication"' in refused.value.challenge
        assert 'acr_values="phr mfa"' in refused.value.challenge
        assert refused.value.status == 401


def test_an_old_sign_in_is_not_enough() -> None:
    fresh = requirement(max_age=300)

    fresh.check(a_verified(auth_time=NOW - 300), NOW)
    for held, now in ((a_verified(auth_time=NOW - 301), NOW), (a_verified(), NOW), (a_verified(auth_time=NOW), inf)):
        with pytest.raises(errors.InsufficientUserAuthentication) as refused:
            fresh.check(held, now)
        assert 'max_age="300"' in (refused.value.challenge or "")
    with pytest.raises(errors.InsufficientUserAuthentication):
        fresh.check(a_verified(auth_time=NOW))  # where the time is not told, the check cannot run


@pytest.mark.parametrize("wrong", [{"max_age": -1}, {"acr": "a b"}, {"acr": [""]}, {"acr": ["a\n"]}])
def test_a_sign_in_that_cannot_be_asked_for_is_an_error(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        requirement(**wrong)
