"""A client asks for itself."""

from __future__ import annotations

import pytest

from auth_server.grants.client_credentials import ClientCredentials
from auth_server.protocol.authorization import Authorization
from auth_server.protocol.client import Client
from auth_server.protocol.errors import InvalidScope, InvalidTarget, UnauthorizedClient
from tests.support.builders import NOTES, NOW_MS, a_client, a_directory, a_form, a_public_client

GRANT = ClientCredentials()


def _decided(client: Client, **form: str) -> Authorization:
    return GRANT.decide(GRANT.parse(a_form(**form)), None, client, a_directory(), NOW_MS)


def test_the_client_is_its_own_subject_and_nothing_is_stored() -> None:
    authorization = _decided(a_client("svc"))

    assert (authorization.subject, authorization.client.client_id) == ("svc", "svc")
    assert authorization.settlement is None
    assert authorization.sign_in is None
    assert (authorization.roles, authorization.entitlements, authorization.grant_id) == ((), (), None)


def test_a_scope_that_a_persons_role_must_carry_is_not_the_clients() -> None:
    assert _decided(a_client()).scope == {"notes:read"}
    with pytest.raises(InvalidScope):
        _decided(a_client(), scope="notes:write")


@pytest.mark.parametrize("scope", ["openid", "offline_access", "notes:read openid", "profile email"])
def test_scopes_about_a_person_make_no_sense(scope: str) -> None:
    with pytest.raises(InvalidScope):
        _decided(a_client(scope=frozenset({*scope.split(), "notes:read"})), scope=scope)


def test_a_public_client_cannot_act_for_itself() -> None:
    with pytest.raises(UnauthorizedClient):
        _decided(a_public_client(grants=frozenset({"client_credentials"})))


def test_the_resource_may_be_asked_for() -> None:
    assert _decided(a_client(), resource=NOTES).resource.identifier == NOTES
    with pytest.raises(InvalidTarget):
        _decided(a_client(), resource="https://unknown.example")
