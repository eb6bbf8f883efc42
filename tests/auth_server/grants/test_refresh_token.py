"""A refresh token is presented: what is refused, what is concluded, and what outlives a refusal."""

from __future__ import annotations

import pytest

from auth_server.clients.service import FIRST_PARTY
from auth_server.grants.contract import Outlives
from auth_server.grants.refresh_token import RefreshTokenGrant
from auth_server.protocol.authorization import Authorization, UseFamily
from auth_server.protocol.client import Client
from auth_server.protocol.directory import Directory
from auth_server.protocol.errors import InvalidGrant, InvalidScope, InvalidTarget, KeyUnavailable, TooManyRequests
from auth_server.protocol.refresh import RefreshPolicy, RefreshToken, Step
from auth_server.revocation.feed import Feed
from auth_server.store.refresh_tokens import FamilyFacts
from auth_server.tokens.families import Families, MacKeys
from shared.key_policy import KeyPolicy
from tests.support.builders import (
    MAC_KEY,
    NOTES,
    NOW_MS,
    a_directory,
    a_family,
    a_form,
    a_public_client,
    a_resource,
    a_token,
    family_facts,
)

LATER = NOW_MS + 60_000


def _grant(mac_keys: MacKeys | None = None) -> RefreshTokenGrant:
    keys = mac_keys or MacKeys()
    if mac_keys is None:
        keys.replace(0, {0: MAC_KEY})
    policy = RefreshPolicy()
    return RefreshTokenGrant(Families(mac_keys=keys, policy=policy, feed=Feed(KeyPolicy()), session_idle_lifetime=86_400), policy)


def _decided(
    token: RefreshToken | None = None,
    facts: FamilyFacts | None = None,
    *,
    client: Client | None = None,
    directory: Directory | None = None,
    **form: str,
) -> Authorization:
    grant = _grant()
    request = grant.parse(a_form(refresh_token=(token or a_token()).text, **form))
    return grant.decide(request, facts or family_facts(), client or a_public_client(), directory or a_directory(), NOW_MS)


def test_noise_is_refused_before_anything_is_read() -> None:
    with pytest.raises(InvalidGrant):
        _grant().parse(a_form(refresh_token="rt1_noise"))


def test_a_server_that_cannot_unseal_its_keys_calls_no_token_invalid() -> None:
    with pytest.raises(KeyUnavailable):
        _grant(MacKeys()).parse(a_form(refresh_token=a_token().text))


def test_a_family_that_is_not_this_clients_is_unknown() -> None:
    grant = _grant()
    with pytest.raises(InvalidGrant):
        grant.decide(grant.parse(a_form(refresh_token=a_token().text)), None, a_public_client(), a_directory(), NOW_MS)


@pytest.mark.parametrize(
    "facts",
    [
        family_facts(a_family(revoked_at=NOW_MS - 1)),
        family_facts(a_family(idle_expires_at=NOW_MS)),
        family_facts(a_family(absolute_expires_at=NOW_MS)),
        family_facts(account_live=False),
        family_facts(session_live=False),
        family_facts(a_family(cur_hash=bytes(32))),
    ],
    ids=["revoked", "idle", "old", "account disabled", "session over", "other secret"],
)
def test_what_is_over_is_refused_and_changes_nothing(facts: FamilyFacts) -> None:
    with pytest.raises(InvalidGrant):
        _decided(facts=facts)


def test_every_refusal_reads_alike() -> None:
    texts = set()
    for token, facts in [
        (a_token(), family_facts(account_live=False)),
        (a_token(), family_facts(a_family(revoked_at=1))),
        (a_token(1), family_facts(a_family(4))),
        (a_token(5), family_facts(a_family(4))),
    ]:
        try:
            _decided(token, facts)
        except InvalidGrant as refused:
            texts.add(str(refused))
        except Outlives as refused:
            texts.add(str(refused.refusal))

    assert len(texts) == 1


@pytest.mark.parametrize("over", [{"revoked_at": 1}, {"idle_expires_at": 1}])
def test_reuse_in_a_family_that_is_over_leaves_nothing_behind(over: dict[str, int]) -> None:
    with pytest.raises(InvalidGrant):
        _decided(a_token(0), family_facts(a_family(4, **over)))


@pytest.mark.parametrize(
    "token, facts, refusal",
    [
        (a_token(1), family_facts(a_family(4)), InvalidGrant),
        (a_token(5), family_facts(a_family(4)), InvalidGrant),
        (a_token(3), family_facts(a_family(4, replay_count=20)), TooManyRequests),
    ],
    ids=["reuse", "ahead", "replayed too often"],
)
def test_some_refusals_outlive_themselves(token: RefreshToken, facts: FamilyFacts, refusal: type[Exception]) -> None:
    with pytest.raises(Outlives) as outcome:
        _decided(token, facts)

    assert isinstance(outcome.value.refusal, refusal)


@pytest.mark.parametrize(
    "token, facts, step, writes",
    [
        (a_token(0), family_facts(), Step.ROTATE, True),
        (a_token(4), family_facts(a_family(4)), Step.REPEAT, True),
        (a_token(4), family_facts(a_family(4, cur_seen=True)), Step.REPEAT, False),
        (a_token(3), family_facts(a_family(4)), Step.REPLAY, True),
    ],
)
def test_what_is_to_be_done_with_the_family(token: RefreshToken, facts: FamilyFacts, step: Step, writes: bool) -> None:
    settlement = _decided(token, facts).settlement

    assert isinstance(settlement, UseFamily)
    assert (settlement.step, settlement.writes, settlement.seq) == (step, writes, token.seq)


def test_roles_and_permissions_are_those_of_today() -> None:
    today = _decided(facts=family_facts(roles=frozenset({"reader"})))

    assert today.scope == {"notes:read"}
    assert (today.roles, today.entitlements) == (("reader",), ("notes:read",))


def test_a_narrower_scope_holds_for_this_access_token() -> None:
    assert _decided(scope="notes:read").scope == {"notes:read"}
    assert _decided().scope == {"notes:read", "notes:write"}


@pytest.mark.parametrize("scope", ["notes:read admin", "admin", "openid", "notes:read openid", "profile"])
def test_nothing_may_be_asked_for_that_was_not_granted(scope: str) -> None:
    """RFC 6749 section 6: the scope must not include any that the resource owner did not grant."""
    with pytest.raises(InvalidScope):
        _decided(scope=scope)


def test_offline_access_may_be_repeated_where_it_was_granted() -> None:
    offline, bound = family_facts(a_family(sid=None)), family_facts(a_family(sid="sid-1"))

    assert _decided(facts=offline, scope="notes:read offline_access").scope == {"notes:read"}
    with pytest.raises(InvalidScope):
        _decided(facts=bound, scope="notes:read offline_access")


def test_a_family_without_scopes_stays_without() -> None:
    assert _decided(facts=family_facts(a_family(scope=frozenset()))).scope == frozenset()


def test_the_resource_stays_the_one_that_was_granted() -> None:
    two = a_directory(a_resource(), a_resource("https://other.example", scopes=["notes:read"]))

    for resource in (NOTES, NOTES + "/"):  # the same address, as URL libraries write it
        assert _decided(directory=two, resource=resource).resource.identifier == NOTES
    for resource in ("https://other.example", NOTES + "//", NOTES + "/v1"):
        with pytest.raises(InvalidTarget):
            _decided(directory=two, resource=resource)


def test_a_resource_that_was_deleted_is_granted_no_more() -> None:
    with pytest.raises(InvalidTarget):
        _decided(directory=a_directory(a_resource("https://other.example")))


def test_a_client_that_may_have_less_by_now_is_granted_less() -> None:
    assert _decided(client=a_public_client(scope=frozenset({"notes:read"}))).scope == {"notes:read"}


def test_a_first_party_grant_of_a_resource_that_left_the_first_party_is_over() -> None:
    """A resource made private to its own clients must not stay reachable through tokens of the built-in one."""
    private = a_directory(a_resource(first_party=False))
    with pytest.raises(InvalidTarget):
        _decided(client=FIRST_PARTY, facts=family_facts(a_family(client_id="first-party")), directory=private)
