"""Attacks by and on workloads that sign in with their platform's token (RFC 7523 section 2.1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from auth_server.clients.proof_metadata import JWT_BEARER
from auth_server.endpoints.registry import registration_rules
from tests.support.assertions import LEFT_OUT, PLATFORM, WORKLOAD, a_party, a_trust, platform_token, shown
from tests.support.auth_app import ISSUER, Issuer, running
from tests.support.builders import NOTES, NOW, a_client, a_public_client
from tests.support.databases import Database
from tests.support.keys import claims_of
from tests.support.outside import Outside

CONFIGURATION = f"{PLATFORM}/.well-known/openid-configuration"
JWKS_URI = f"{PLATFORM}/keys"


async def _ask(issuer: Issuer, assertion: str, client: str = "workload", **form: str) -> tuple[int, str]:
    answer = await issuer.token(client, grant_type=JWT_BEARER, assertion=assertion, **form)
    return answer.status_code, answer.json().get("error", "")


async def test_a_workload_gets_its_own_token_without_any_secret(issuer: Issuer) -> None:
    answer = await issuer.token("workload", grant_type=JWT_BEARER, assertion=platform_token(), scope="notes:read")

    claims = claims_of(answer.json()["access_token"])
    assert (claims["sub"], claims["client_id"], claims["aud"]) == ("workload", "workload", NOTES)
    assert claims["scope"] == answer.json()["scope"] == "notes:read"
    assert "refresh_token" not in answer.json()
    assert not {"auth_time", "sid", "roles"} & claims.keys()


async def test_the_platform_s_token_is_a_client_assertion_as_well(issuer: Issuer) -> None:
    """So the workload may use any grant: here its own credentials; token exchange works the same way."""
    await issuer.services.clients.register(
        a_client("batch", secret=None, auth_method="private_key_jwt", trusted_issuers=(a_trust(),)), registration_rules()
    )
    form = {"grant_type": "client_credentials", "client_id": "batch"}

    answer = await issuer.http.post("/token", data={**form, **shown(platform_token())})
    assert claims_of(answer.json()["access_token"])["sub"] == "batch"

    for forged in (platform_token(sub="another"), a_party("thief").assertion(iss=PLATFORM, sub=WORKLOAD)):
        refused = await issuer.http.post("/token", data={**form, **shown(forged)})
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://other.example"}, {"aud": [ISSUER, "https://other.example"]}, {"aud": LEFT_OUT},
        {"sub": "system:serviceaccount:shop:other"}, {"sub": WORKLOAD + "x"}, {"sub": WORKLOAD.upper()}, {"sub": [WORKLOAD]},
        {"iss": PLATFORM + "/"}, {"iss": "https://evil.example"}, {"iss": ISSUER}, {"iss": LEFT_OUT},
        {"exp": NOW - 60}, {"exp": NOW + 3661}, {"exp": LEFT_OUT}, {"iat": NOW + 61}, {"nbf": NOW + 61}, {"jti": LEFT_OUT},
    ],
)  # fmt: skip
async def test_a_token_that_is_not_exactly_what_was_registered(issuer: Issuer, changes: dict[str, Any]) -> None:
    assert await _ask(issuer, platform_token(**changes)) == (400, "invalid_grant")


async def test_a_token_by_another_key_or_of_another_kind(issuer: Issuer) -> None:
    right = {"iss": PLATFORM, "sub": WORKLOAD}
    own = (await issuer.token("app", grant_type="client_credentials")).json()["access_token"]
    header, payload, _ = platform_token().split(".")
    for forged in (
        a_party("thief").assertion(**right),
        a_party("thief").assertion(header={"kid": "platform"}, **right),
        a_party("thief").assertion(header={"jwk": a_party("thief").jwk}, **right),
        platform_token(header={"typ": "at+jwt"}),
        f"{header}.{payload}.",
        own,
        "rubbish",
    ):
        assert await _ask(issuer, forged) == (400, "invalid_grant")


async def test_the_token_of_one_workload_is_of_no_use_to_another_client(issuer: Issuer) -> None:
    await issuer.services.clients.register(
        a_public_client("neighbour", grants=frozenset({JWT_BEARER}), trusted_issuers=(a_trust(subject="someone-else"),)),
        registration_rules(),
    )

    assert await _ask(issuer, platform_token(), "neighbour") == (400, "invalid_grant")
    assert await _ask(issuer, platform_token(), "spa") == (400, "unauthorized_client")


async def test_of_20_parallel_uses_exactly_one_passes(any_issuer: Issuer) -> None:
    assertion = platform_token()

    answers = await asyncio.gather(*(_ask(any_issuer, assertion) for _ in range(20)))

    assert sorted(answers) == [(200, "")] + [(400, "invalid_grant")] * 19


async def test_an_assertion_counts_once_whether_as_a_grant_or_as_a_proof(issuer: Issuer) -> None:
    await issuer.services.clients.register(
        a_client("batch", secret=None, auth_method="private_key_jwt", trusted_issuers=(a_trust(),)), registration_rules()
    )
    assertion = platform_token()
    assert await _ask(issuer, assertion) == (200, "")

    form = {"grant_type": "client_credentials", "client_id": "batch", **shown(assertion)}
    assert (await issuer.http.post("/token", data=form)).status_code == 401


async def test_a_platform_that_hands_out_one_token_for_an_hour_may_be_registered_so(issuer: Issuer) -> None:
    """Kubernetes renews a projected token at four fifths of its life; a pod signs in more often than that."""
    await issuer.services.clients.register(
        a_public_client("pod", grants=frozenset({JWT_BEARER}), trusted_issuers=(a_trust(reusable=True),)), registration_rules()
    )
    token = platform_token(exp=NOW + 7200, jti=LEFT_OUT)

    assert [await _ask(issuer, token, "pod") for _ in range(3)] == [(200, "")] * 3
    assert await _ask(issuer, platform_token(exp=NOW + 90_000), "pod") == (400, "invalid_grant")
    await issuer.advance(7260)
    assert await _ask(issuer, token, "pod") == (400, "invalid_grant")


@pytest.mark.parametrize("scope", ["openid", "offline_access", "notes:read profile"])
async def test_a_workload_gets_nothing_that_is_a_person_s(issuer: Issuer, scope: str) -> None:
    assert await _ask(issuer, platform_token(), scope=scope) == (400, "invalid_scope")


async def test_a_disabled_client_s_platform_counts_no_more(issuer: Issuer) -> None:
    await issuer.services.clients.disable("workload")

    assert await _ask(issuer, platform_token()) == (401, "invalid_client")


@pytest.fixture
async def ci(issuer_database: Database, tmp_path: Path, outside: Outside) -> AsyncIterator[Issuer]:
    """An auth server that trusts the platform by the keys which the platform publishes."""
    async with running(issuer_database, tmp_path, network=outside) as issuer:
        trusted = a_public_client("job", grants=frozenset({JWT_BEARER}), trusted_issuers=(a_trust(jwks=None),))
        await issuer.services.clients.register(trusted, registration_rules())
        outside.pages |= {
            CONFIGURATION: {"issuer": PLATFORM, "jwks_uri": JWKS_URI},
            JWKS_URI: {"keys": [a_party("platform").jwk]},
        }
        yield issuer


async def test_a_platform_s_keys_are_found_by_its_metadata_once(ci: Issuer, outside: Outside) -> None:
    assert [await _ask(ci, platform_token(), "job") for _ in range(3)] == [(200, "")] * 3
    assert outside.asked == [f"GET {CONFIGURATION}", f"GET {JWKS_URI}"]


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example", "jwks_uri": JWKS_URI}, {"jwks_uri": JWKS_URI}, {"issuer": PLATFORM}, {},
        {"issuer": PLATFORM, "jwks_uri": "https://127.0.0.1/keys"}, {"issuer": PLATFORM, "jwks_uri": "http://a.example/"},
        {"issuer": PLATFORM, "jwks_uri": 1},
    ],
)  # fmt: skip
async def test_metadata_of_somebody_else_or_that_lead_inside_are_not_followed(
    ci: Issuer, outside: Outside, document: dict[str, Any]
) -> None:
    outside.pages[CONFIGURATION] = document

    assert await _ask(ci, platform_token(), "job") == (400, "invalid_grant")
    assert outside.asked == [f"GET {CONFIGURATION}"]


async def test_cve_44_no_parameter_of_a_request_is_ever_fetched(ci: Issuer, outside: Outside) -> None:
    """An issuer that nobody registered, a `jku`, a `jwks_uri` beside: nothing goes out."""
    for assertion in (platform_token(iss="https://evil.outside.example"), a_party("thief").assertion(header={"jku": JWKS_URI})):
        await _ask(ci, assertion, "job", jwks_uri=JWKS_URI, request_uri=JWKS_URI, client_session_host="evil.outside.example")

    assert outside.looked_up == []
