"""What every grant must do, over the registry: parse totally, refuse strangers, grant nothing beyond its facts, and cost what it says."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.clients.assertions import ClientAssertions
from auth_server.clients.proof_metadata import JWT_BEARER
from auth_server.grants.contract import Collaborators, Grant
from auth_server.grants.registry import GRANT_TYPES, MEMBERS, all_grants
from auth_server.grants.token_exchange import TOKEN_EXCHANGE
from auth_server.outbound.fetch import Outbound
from auth_server.protocol.authorization import ACCESS_TOKEN_TYPE
from auth_server.protocol.errors import OAuthError
from auth_server.protocol.form import Form
from auth_server.protocol.refresh import RefreshPolicy
from auth_server.revocation.feed import Feed
from auth_server.tokens.families import Families, MacKeys
from auth_server.tokens.local_verifier import LocalVerifier
from shared.key_policy import KeyPolicy
from tests.support.assertions import platform_token
from tests.support.auth_app import ISSUER, Issuer, running
from tests.support.builders import FACTS, MAC_KEY, NOTES
from tests.support.databases import Database
from tests.support.keys import claims_of
from tests.support.outside import NoNetwork
from tests.support.registered import DEVICE_GRANT
from tests.support.visitor import CALLBACK, VERIFIER, Visitor

each_grant = pytest.mark.parametrize("grant_type", GRANT_TYPES)


def _grants() -> Mapping[str, Grant[Any, Any]]:
    keys = MacKeys()
    keys.replace(0, {0: MAC_KEY})
    verifier = LocalVerifier(store=None, keyring=None, issuer=ISSUER)  # nothing that is parsed here gets so far
    families = Families(mac_keys=keys, policy=RefreshPolicy(), feed=Feed(KeyPolicy()), session_idle_lifetime=60)
    return all_grants(Collaborators(families, RefreshPolicy(), ClientAssertions(ISSUER, Outbound(NoNetwork())), verifier))


# Of each grant: a client that may use it, and one that may not. A new member of the registry needs a line here, and one below.
CLIENTS = {
    "client_credentials": ("app", "refresher"),
    "refresh_token": ("app", "machine"),
    DEVICE_GRANT: ("tv", "spa"),
    JWT_BEARER: ("workload", "spa"),
    "authorization_code": ("app", "machine"),
    TOKEN_EXCHANGE: ("gateway", "app"),
}


async def _right_form(issuer: Issuer, grant_type: str) -> dict[str, str]:
    """A request that is granted."""
    form = {"grant_type": grant_type}
    if grant_type == "refresh_token":
        return form | {"refresh_token": await issuer.family("app")}
    if grant_type == DEVICE_GRANT:
        begun = await issuer.begin_device()
        await issuer.services.other_grants.devices.approve(begun["user_code"], await issuer.session(), FACTS)
        return form | {"device_code": begun["device_code"]}
    if grant_type == "authorization_code":
        code = await Visitor(issuer).code(scope="notes:read")
        return form | {"code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    if grant_type == TOKEN_EXCHANGE:
        subject = (await issuer.token("app", grant_type="client_credentials")).json()["access_token"]
        return form | {"subject_token": subject, "subject_token_type": ACCESS_TOKEN_TYPE}
    return form | {"assertion": platform_token()} if grant_type == JWT_BEARER else form


@pytest.fixture
async def issuer(issuer_database: Database, tmp_path: Path) -> AsyncIterator[Issuer]:
    """A running auth server that serves every grant."""
    async with running(issuer_database, tmp_path, {"TOKEN_EXCHANGE": "true"}) as started:
        yield started


def test_this_suite_knows_every_grant() -> None:
    assert CLIENTS.keys() == set(GRANT_TYPES)


def test_each_member_has_a_grant_type_of_its_own_and_is_built_under_it() -> None:
    assert len(set(GRANT_TYPES)) == len(MEMBERS)
    assert {name: grant.grant_type for name, grant in _grants().items()} == {name: name for name in GRANT_TYPES}


@each_grant
def test_nothing_in_a_grant_waits(grant_type: str) -> None:
    grant = _grants()[grant_type]

    assert not any(inspect.iscoroutinefunction(part) for part in (grant.parse, grant.load, grant.decide))


@given(st.dictionaries(st.sampled_from(["scope", "resource", "refresh_token", "code", "x"]), st.text(max_size=120)))
def test_any_form_is_a_request_or_a_refusal(values: dict[str, str]) -> None:
    for grant in _grants().values():
        try:
            grant.parse(Form(values))
        except OAuthError as refused:
            assert refused.description  # noqa: PT017 - both ends are right


@each_grant
async def test_the_right_request_is_answered_with_a_token_for_one_resource(issuer: Issuer, grant_type: str) -> None:
    answer = await issuer.token(CLIENTS[grant_type][0], **await _right_form(issuer, grant_type))

    assert answer.status_code == 200
    assert answer.json()["token_type"] == "Bearer"
    assert claims_of(answer.json()["access_token"])["aud"] == NOTES


@each_grant
async def test_a_client_that_is_not_registered_for_it_is_refused(issuer: Issuer, grant_type: str) -> None:
    _, stranger = CLIENTS[grant_type]

    answer = await issuer.token(stranger, **await _right_form(issuer, grant_type))

    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


@each_grant
@pytest.mark.parametrize("scope", ["notes:admin", "openid", "notes:read everything"])
async def test_no_scope_is_granted_beyond_what_may_be(issuer: Issuer, grant_type: str, scope: str) -> None:
    answer = await issuer.token(CLIENTS[grant_type][0], **await _right_form(issuer, grant_type), scope=scope)

    granted = answer.json().get("scope", "") if answer.status_code == 200 else ""
    assert set(granted.split()) <= {"notes:read"}


@each_grant
@pytest.mark.parametrize("resource", ["https://unknown.example", "relative", NOTES + "/x"])
async def test_no_foreign_resource_is_granted(issuer: Issuer, grant_type: str, resource: str) -> None:
    answer = await issuer.token(CLIENTS[grant_type][0], **await _right_form(issuer, grant_type), resource=resource)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


@each_grant
async def test_a_refusal_of_the_decision_changes_nothing(issuer: Issuer, grant_type: str) -> None:
    form = await _right_form(issuer, grant_type)
    before = issuer.dump()

    await issuer.token(CLIENTS[grant_type][0], **form, resource="https://unknown.example")
    await issuer.token(CLIENTS[grant_type][0], **form, scope="everything")

    assert issuer.dump() == before


@each_grant
async def test_a_grant_that_reads_nothing_costs_nothing(issuer: Issuer, grant_type: str) -> None:
    form = await _right_form(issuer, grant_type)
    await issuer.services.freshness.poll()
    await issuer.token(CLIENTS[grant_type][0], **form)
    with issuer.counting() as cost:
        await issuer.token(CLIENTS[grant_type][0], **form)

    looked = [statement for statement in cost.statements if statement.startswith("SELECT")]
    assert bool(looked) is _grants()[grant_type].reads
