"""A resource learns of a person what it has a word for, and nothing else."""

from __future__ import annotations

from auth_server.protocol.people import permissions_of_roles, visible_to
from tests.support.builders import a_resource

PERMISSIONS_OF = {
    "editor": frozenset({"notes:read", "notes:write"}),
    "payroll": frozenset({"wages:read"}),
    "all": frozenset({"notes:admin", "wages:read"}),
}


def test_roles_and_permissions_are_cut_to_the_words_of_the_resource() -> None:
    visible = visible_to(a_resource(permissions=frozenset({"notes:admin"})), ["payroll", "editor", "all"], PERMISSIONS_OF)

    assert visible.roles == ("all", "editor")
    assert visible.permissions == ("notes:admin", "notes:read", "notes:write")


def test_what_a_scope_requires_is_a_word_of_the_resource() -> None:
    resource = a_resource(scopes=["write"], requires={"write": "notes:write"})

    assert visible_to(resource, ["editor"], PERMISSIONS_OF).permissions == ("notes:write",)


def test_a_role_that_does_not_exist_any_more_carries_nothing() -> None:
    assert permissions_of_roles(["gone", "payroll"], PERMISSIONS_OF) == {"wages:read"}
    assert visible_to(a_resource(), ["gone"], PERMISSIONS_OF).roles == ()
