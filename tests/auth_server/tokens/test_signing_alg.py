"""Tokens through the token endpoint, under the algorithm that their resource or client asks for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from auth_server.endpoints.registry import registration_rules
from tests.support.auth_app import Issuer, running
from tests.support.builders import a_resource
from tests.support.databases import Database
from tests.support.keys import header_of, is_signed_by

N = 24 * 3600
BOTH = {"SIGNING_ALGORITHMS": "RS256,ES256,Ed25519"}
STRICT = "https://strict.example"


@pytest.fixture
async def issuer(issuer_database: Database, tmp_path: Path) -> AsyncIterator[Issuer]:
    """An issuer whose further rings are a moment old, with a resource that takes ES256 alone."""
    async with running(issuer_database, tmp_path, BOTH) as made:
        await made.services.resources.create(a_resource(STRICT, scopes=["strict:read"], requires={}, signing_alg="ES256"))
        for name, alg in (("machine", None), ("other", "Ed25519")):
            client = await made.services.clients.find(name)
            assert client is not None
            changed = replace(client, scope=client.scope | {"strict:read"}, signing_alg=alg)
            await made.services.clients.update(changed, registration_rules())
        await made.services.freshness.poll()
        yield made


async def ready(issuer: Issuer) -> None:
    """Let the further rings become old enough."""
    issuer.clock.advance(N + 1)
    await issuer.services.rings.tick()
    await issuer.services.keyring.refresh()


async def alg_for(issuer: Issuer, client: str, scope: str) -> str:
    answer = await issuer.token(client, grant_type="client_credentials", scope=scope)
    assert answer.status_code == 200, answer.text
    token = answer.json()["access_token"]
    keys = {key["kid"]: key for key in (await issuer.http.get("/.well-known/jwks.json")).json()["keys"]}
    assert is_signed_by(token, keys[header_of(token)["kid"]])
    assert header_of(token)["alg"] == keys[header_of(token)["kid"]]["alg"]
    alg: str = header_of(token)["alg"]
    return alg


async def test_the_resource_is_asked_first_then_the_client_then_the_server(issuer: Issuer) -> None:
    await ready(issuer)

    assert await alg_for(issuer, "machine", "notes:read") == "RS256"
    assert await alg_for(issuer, "other", "notes:read") == "Ed25519"
    assert await alg_for(issuer, "machine", "strict:read") == "ES256"
    assert await alg_for(issuer, "other", "strict:read") == "ES256"


async def test_until_its_ring_is_ready_a_resource_gets_no_token_and_others_do(issuer: Issuer) -> None:
    refused = await issuer.token("machine", grant_type="client_credentials", scope="strict:read")

    assert refused.status_code == 503
    assert refused.json()["error"] == "temporarily_unavailable"
    assert int(refused.headers["retry-after"]) > 0
    assert await alg_for(issuer, "machine", "notes:read") == "RS256"


async def test_a_refresh_that_cannot_be_signed_spends_nothing(issuer: Issuer) -> None:
    token = await issuer.family("spa")
    client = await issuer.services.clients.find("spa")
    assert client is not None
    await issuer.services.clients.update(replace(client, signing_alg="ES256"), registration_rules())
    await issuer.services.freshness.poll()
    before = issuer.rows("refresh_family")

    refused = await issuer.refresh(token)

    assert refused.status_code == 503
    assert issuer.rows("refresh_family") == before


async def test_a_server_without_the_algorithm_says_whose_tokens_it_will_refuse(
    issuer: Issuer, issuer_database: Database, tmp_path: Path
) -> None:
    """An operator who takes an algorithm away hears of it at the first start, not from the people who use that API."""
    async with running(issuer_database, tmp_path / "other") as other:
        told = [line for line in other.log if "the algorithm is not configured" in line]

        assert len(told) == 1
        assert STRICT in told[0]
        assert (await other.token("machine", grant_type="client_credentials", scope="strict:read")).status_code == 503
        assert (await other.token("machine", grant_type="client_credentials", scope="notes:read")).status_code == 200


async def test_readiness_is_about_the_default_algorithm(issuer: Issuer) -> None:
    assert (await issuer.http.get("/readyz")).status_code == 200


async def test_the_key_set_holds_every_ring(issuer: Issuer) -> None:
    keys = (await issuer.http.get("/.well-known/jwks.json")).json()["keys"]

    assert sorted(key["alg"] for key in keys) == ["ES256", "Ed25519", "RS256", "RS256"]


async def test_the_metadata_name_no_member_that_is_not_registered(issuer: Issuer) -> None:
    """Which algorithm an access token has is between issuer and resource (RFC 9068 section 2.1); the key set tells it."""
    document = (await issuer.http.get("/.well-known/oauth-authorization-server")).json()

    assert not [name for name in document if "signing_alg" in name and name.startswith(("access_token", "resource"))]
