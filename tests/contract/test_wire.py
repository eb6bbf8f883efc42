"""What the auth server mints, the resource server verifies; only the published key set passes between them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auth_server.keys.keyring import Keyring
from resource_server.verifier.errors import Expired, TokenRefused, UnknownKey, WrongAudience, WrongIssuer, WrongType
from resource_server.verifier.key_set import KeySet, parse_key_set
from resource_server.verifier.policy import Policy
from resource_server.verifier.verify import verify
from shared.jose import RS256
from tests.support.databases import Database
from tests.support.keys import Replica

API = "https://api.example"
ISSUER = "https://id.example"
POLICY = Policy(issuer=ISSUER, audiences=frozenset({API}))


@pytest.fixture
async def replica(database: Database) -> Replica:
    return await Replica(database, alg=RS256).start()


def published(keyring: Keyring) -> KeySet:
    """Return what a resource server reads: the bytes at jwks_uri, and nothing else."""
    return parse_key_set(keyring.jwks()[0], POLICY.algorithms)


def claims(now: int, **changed: object) -> dict[str, object]:
    minted = {"iss": ISSUER, "aud": API, "sub": "alice", "client_id": "app", "jti": "1", "iat": now, "exp": now + 600}
    return {**minted, "scope": "notes:read", **changed}


@pytest.mark.anyio
async def test_a_minted_token_is_verified_by_the_published_keys_alone(replica: Replica) -> None:
    now = replica.clock.now()
    token = await replica.keyring.sign(claims(now), "at+jwt")

    verified = verify(token.encode(), published(replica.keyring), POLICY, now)

    assert verified.claims["sub"] == "alice"
    assert verified.scopes == {"notes:read"}


@pytest.mark.anyio
@pytest.mark.parametrize("typ", ["JWT", "logout+jwt", "secevent+jwt", "revocation-feed+jwt", "dpop+jwt"])
async def test_every_other_kind_of_token_by_the_same_key_is_refused(replica: Replica, typ: str) -> None:
    """RFC 8725 section 3.11: an ID token must not pass for an access token."""
    now = replica.clock.now()
    token = await replica.keyring.sign(claims(now), typ)

    with pytest.raises(WrongType):
        verify(token.encode(), published(replica.keyring), POLICY, now)


@pytest.mark.anyio
async def test_a_token_for_another_audience_is_refused(replica: Replica) -> None:
    now = replica.clock.now()
    token = await replica.keyring.sign(claims(now, aud="https://other.example"), "at+jwt")

    with pytest.raises(WrongAudience):
        verify(token.encode(), published(replica.keyring), POLICY, now)


@pytest.mark.anyio
async def test_a_token_of_another_issuer_is_refused_even_under_a_known_key(replica: Replica) -> None:
    now = replica.clock.now()
    token = await replica.keyring.sign(claims(now, iss="https://evil.example"), "at+jwt")

    with pytest.raises(WrongIssuer):
        verify(token.encode(), published(replica.keyring), POLICY, now)


@pytest.mark.anyio
async def test_a_token_signed_by_another_issuers_key_is_refused(replica: Replica, sqlite_template, tmp_path, clock) -> None:
    database = sqlite_template.create(tmp_path / "other", clock)
    other = await Replica(database, alg=RS256).start()
    now = replica.clock.now()
    token = await other.keyring.sign(claims(now), "at+jwt")

    with pytest.raises(UnknownKey):
        verify(token.encode(), published(replica.keyring), POLICY, now)
    database.close()


@pytest.mark.anyio
async def test_a_token_is_over_a_leeway_after_it_expires_and_not_before(replica: Replica) -> None:
    now = replica.clock.now()
    token = (await replica.keyring.sign(claims(now), "at+jwt")).encode()
    keys = published(replica.keyring)
    policy = replace(POLICY, leeway=60)

    assert verify(token, keys, policy, now + 600 + 59)
    with pytest.raises(Expired):
        verify(token, keys, policy, now + 600 + 60)


@pytest.mark.anyio
async def test_tokens_of_a_key_that_stopped_signing_verify_until_it_is_gone(replica: Replica) -> None:
    """The reason for RETIRING: no valid token is rejected because keys moved."""
    now = replica.clock.now()
    token = (await replica.keyring.sign(claims(now), "at+jwt")).encode()
    await replica.rotation.rotate_now(emergency=True)
    await replica.keyring.refresh()
    newer = (await replica.keyring.sign(claims(now), "at+jwt")).encode()
    keys = published(replica.keyring)

    assert verify(token, keys, POLICY, now).key_id != verify(newer, keys, POLICY, now).key_id


@pytest.mark.anyio
async def test_one_changed_character_anywhere_is_refused(replica: Replica) -> None:
    now = replica.clock.now()
    token = await replica.keyring.sign(claims(now), "at+jwt")
    keys = published(replica.keyring)

    for at in range(0, len(token), 7):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises(TokenRefused):
            verify(changed.encode(), keys, POLICY, now)
