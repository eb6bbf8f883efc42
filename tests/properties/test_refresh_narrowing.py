"""Scope and audience never grow: not beyond what was offered, permitted and asked for, and not along a chain of refreshes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from auth_server.clients.service import FIRST_PARTY
from auth_server.grants.client_credentials import ClientCredentials
from auth_server.grants.refresh_token import RefreshTokenGrant
from auth_server.protocol.authorization import Authorization
from auth_server.protocol.client import Client
from auth_server.protocol.directory import Directory
from auth_server.protocol.errors import InvalidScope, InvalidTarget, OAuthError
from auth_server.protocol.people import permissions_of_roles
from auth_server.protocol.refresh import RefreshPolicy
from auth_server.protocol.resource import Resource, choose_audience, usable_by
from auth_server.protocol.scope import narrow_scope
from auth_server.revocation.feed import Feed
from auth_server.tokens.families import Families, MacKeys
from shared import scope as codec
from shared.key_policy import KeyPolicy
from tests.support.builders import MAC_KEY, NOW_MS, a_client, a_family, a_form, a_public_client, a_resource, a_token, family_facts

WORDS = ["read", "write", "admin", "list"]
ISSUERS_OWN = ["openid", "profile", "offline_access"]
IDENTIFIERS = ["https://a.example", "https://b.example", "https://c.example"]

some_words = st.frozensets(st.sampled_from(WORDS))
resources = st.lists(
    st.builds(
        a_resource,
        st.sampled_from(IDENTIFIERS),
        scopes=some_words,
        requires=st.dictionaries(st.sampled_from(WORDS), st.sampled_from(["p1", "p2"])),
        first_party=st.booleans(),
    ),
    max_size=3,
).map(lambda made: {resource.identifier: resource for resource in made})
clients = st.just(FIRST_PARTY) | st.builds(
    a_client,
    scope=st.frozensets(st.sampled_from(WORDS + ISSUERS_OWN)),
    default_resource=st.none() | st.sampled_from(IDENTIFIERS),
)
asked_scopes = st.none() | st.frozensets(st.sampled_from(WORDS))
asked_resources = st.none() | st.sampled_from(IDENTIFIERS)
permissions = st.none() | st.frozensets(st.sampled_from(["p1", "p2"]))


@given(asked_scopes, clients, resources, permissions)
def test_nothing_is_granted_that_is_not_asked_offered_allowed_and_permitted(
    asked: frozenset[str] | None, client: Client, known: dict[str, Resource], person: frozenset[str] | None
) -> None:
    for resource in known.values():
        try:
            granted = narrow_scope(asked, client, resource, person)
        except InvalidScope:
            continue
        assert granted <= resource.scopes.keys()
        assert asked is None or granted <= asked
        assert client.is_first_party or granted <= client.scope
        needed = {resource.scopes[name].requires_permission for name in granted} - {None}
        assert needed <= (person or frozenset())


@given(asked_resources, asked_scopes, clients, resources, asked_resources)
def test_the_audience_is_one_that_the_client_may_use_and_the_one_asked_for(
    asked: str | None, scope: frozenset[str] | None, client: Client, known: dict[str, Resource], default: str | None
) -> None:
    try:
        chosen = choose_audience(asked, scope, client, known, default)
    except InvalidTarget:
        return
    assert chosen.identifier in usable_by(client, known)
    assert asked is None or chosen.identifier == asked
    assert not client.is_first_party or chosen.first_party


@given(st.sampled_from([None, *WORDS, *ISSUERS_OWN, "read write"]), asked_resources, clients, resources)
def test_a_client_that_acts_for_itself_gets_no_more_than_that(
    scope: str | None, resource: str | None, client: Client, known: dict[str, Resource]
) -> None:
    form = {name: value for name, value in (("scope", scope), ("resource", resource)) if value}
    try:
        grant = ClientCredentials()
        given_ = grant.decide(grant.parse(a_form(**form)), None, client, Directory(known, {}), NOW_MS)
    except OAuthError:
        return
    assert given_.scope <= client.scope & given_.resource.scopes.keys()
    assert not given_.scope & set(ISSUERS_OWN)
    assert all(given_.resource.scopes[name].requires_permission is None for name in given_.scope)
    assert given_.subject == client.client_id


refreshes = st.tuples(
    st.none() | st.frozensets(st.sampled_from(WORDS + ISSUERS_OWN), min_size=1),
    asked_resources,
    st.frozensets(st.sampled_from(["r1", "r2"])),
    st.frozensets(st.sampled_from(WORDS)),
)
ROLES = {"r1": frozenset({"p1"}), "r2": frozenset({"p2"})}


@given(some_words, resources, st.lists(refreshes, max_size=4))
def test_neither_scope_nor_audience_grows_along_a_chain_of_refreshes(
    granted: frozenset[str],
    known: dict[str, Resource],
    chain: list[tuple[frozenset[str] | None, str | None, frozenset[str], frozenset[str]]],
) -> None:
    family = a_family(scope=granted, resource=IDENTIFIERS[0])
    for asked, resource, roles, allowed in chain:
        form = {} if asked is None else {"scope": codec.format(asked)}
        form |= {} if resource is None else {"resource": resource}
        client = a_public_client(scope=allowed)
        try:
            answer = _refreshed(family, client, Directory(known, ROLES), roles, form)
        except OAuthError:
            continue
        assert answer.resource.identifier == family.resource
        assert answer.scope <= granted
        assert asked is None or answer.scope <= asked or not asked - {"offline_access"}
        assert answer.scope <= allowed
        needed = {answer.resource.scopes[name].requires_permission for name in answer.scope} - {None}
        assert needed <= permissions_of_roles(roles, ROLES)
        family = replace(family, issued_at=family.issued_at - 60_000)


def _refreshed(
    family: object, client: Client, directory: Directory, roles: frozenset[str], form: dict[str, str]
) -> Authorization:
    keys = MacKeys()
    keys.replace(0, {0: MAC_KEY})
    policy = RefreshPolicy()
    families = Families(mac_keys=keys, policy=policy, feed=Feed(KeyPolicy()), session_idle_lifetime=60)
    grant = RefreshTokenGrant(families, policy)
    request = grant.parse(a_form(refresh_token=a_token().text, **form))
    return grant.decide(request, family_facts(family, roles=roles), client, directory, NOW_MS)  # type: ignore[arg-type]
