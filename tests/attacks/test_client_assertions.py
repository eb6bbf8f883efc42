"""Attacks on client assertions: rows E11 to E18 of the project's checklist, incidents 36 and 77 (RFC 7523, RFC 8725)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization

from auth_server.endpoints.registry import registration_rules
from auth_server.protocol.client import Client
from shared import base64url
from tests.support.assertions import LEFT_OUT, a_party, shown
from tests.support.auth_app import ISSUER, Issuer, basic, running
from tests.support.builders import NOW, a_client
from tests.support.databases import Database
from tests.support.outside import NoNetwork, Outside, answer
from tests.support.registered import SECRETS

GRANT = {"grant_type": "client_credentials"}
JWKS_URI = "https://signer.outside.example/jwks"


def _signer(**changes: Any) -> Client:
    members = {"secret": None, "auth_method": "private_key_jwt", "jwks": a_party().jwks}
    return a_client("signer", **(members | changes))


async def _register(issuer: Issuer, **changes: Any) -> None:
    assert await issuer.services.clients.register(_signer(**changes), registration_rules()) is None


async def _ask(issuer: Issuer, assertion: str, path: str = "/token", **form: str) -> httpx2.Response:
    return await issuer.http.post(path, data={**GRANT, "token": "x", **shown(assertion, **form)})


def _assert_refused(answered: httpx2.Response) -> None:
    assert (answered.status_code, answered.json()["error"]) == (401, "invalid_client"), answered.text
    assert answered.json()["error_description"] == "client authentication failed"
    assert answered.headers["cache-control"] == "no-store"


@pytest.fixture
async def signing(issuer: Issuer) -> Issuer:
    """An auth server that knows the client `signer`, whose keys were registered."""
    await _register(issuer)
    return issuer


@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
async def test_a_client_proves_itself_with_its_key(issuer: Issuer, alg: str) -> None:
    party = a_party(f"key-{alg}", alg)
    await _register(issuer, jwks=party.jwks)

    for changes in ({}, {"aud": [ISSUER]}, {"iat": LEFT_OUT}, {"exp": NOW + 3600}, {"exp": NOW + 59.5, "iat": NOW + 0.5}):
        assert (await _ask(issuer, party.assertion(**changes))).status_code == 200, changes
    for header in ({"kid": None}, {"typ": None}, {"typ": "client-authentication+jwt"}):
        assert (await _ask(issuer, party.assertion(header=header), client_id="signer")).status_code == 200, header


@pytest.mark.parametrize("spelling", ["none", "None", "NONE", "nOnE"])
async def test_e11_an_unsigned_assertion(signing: Issuer, spelling: str) -> None:
    header, payload, signature = a_party().assertion().split(".")
    unsigned = base64url.encode(json.dumps({"alg": spelling, "typ": "JWT"}).encode())

    for forged in (f"{unsigned}.{payload}.", f"{unsigned}.{payload}.{signature}", f"{header}.{payload}."):
        _assert_refused(await _ask(signing, forged))


async def test_e12_hs256_with_the_public_key(signing: Issuer) -> None:
    party = a_party()
    public = party.private_key.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    header = base64url.encode(json.dumps({"alg": "HS256", "kid": party.kid}).encode())
    payload = party.assertion().split(".")[1]
    for secret in (pem, pem.strip(), der, json.dumps(party.jwk).encode(), party.jwks.encode()):
        mac = hmac.digest(secret, f"{header}.{payload}".encode(), hashlib.sha256)
        _assert_refused(await _ask(signing, f"{header}.{payload}.{base64url.encode(mac)}"))


@pytest.mark.parametrize(
    "audience",
    [
        "https://other.example", [ISSUER, "https://other.example"], ["https://other.example"], f"{ISSUER}/", f"{ISSUER}/token",
        [f"{ISSUER}/token", ISSUER], ISSUER.upper(), [], "", None, [[ISSUER]], LEFT_OUT, {"x": ISSUER}, [ISSUER, ISSUER],
    ],
)  # fmt: skip
async def test_e13_an_assertion_for_someone_else(signing: Issuer, audience: object) -> None:
    """The revision of RFC 7523 takes the issuer alone: the token endpoint's URL would be good at a server that claims it."""
    _assert_refused(await _ask(signing, a_party().assertion(aud=audience)))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW - 60}, {"exp": NOW - 3600, "iat": NOW - 3700}, {"exp": NOW + 366 * 86_400}, {"exp": NOW + 3661},
        {"exp": LEFT_OUT}, {"exp": str(NOW + 60)}, {"exp": True}, {"exp": None}, {"exp": -1}, {"exp": 10**30}, {"exp": [NOW + 60]},
        {"iat": NOW + 61}, {"iat": "x"}, {"iat": NOW - 3661}, {"nbf": NOW + 61}, {"nbf": {}},
    ],
)  # fmt: skip
async def test_e14_an_old_assertion_or_one_for_a_year(signing: Issuer, changes: dict[str, object]) -> None:
    _assert_refused(await _ask(signing, a_party().assertion(**changes)))


async def test_e15_an_assertion_replayed(any_issuer: Issuer) -> None:
    signing, assertion = any_issuer, a_party().assertion()
    await _register(signing)

    assert (await _ask(signing, assertion)).status_code == 200
    _assert_refused(await _ask(signing, assertion))
    for path in ("/revoke", "/device_authorization"):
        _assert_refused(await _ask(signing, assertion, path))


async def test_e15_the_same_jti_in_another_assertion(signing: Issuer) -> None:
    assert (await _ask(signing, a_party().assertion(jti="again"))).status_code == 200
    _assert_refused(await _ask(signing, a_party().assertion(jti="again", exp=NOW + 90)))


@pytest.mark.parametrize("jti", [LEFT_OUT, "", None, 1, ["x"], "x" * 513])
async def test_e15_an_assertion_that_could_not_be_recognised_again(signing: Issuer, jti: object) -> None:
    _assert_refused(await _ask(signing, a_party().assertion(jti=jti)))


async def test_e15_a_used_assertion_is_remembered_until_nobody_would_believe_it(signing: Issuer) -> None:
    assertion = a_party().assertion()
    await _ask(signing, assertion)

    await signing.advance(119)
    await signing.store.run(lambda tx: tx.assertions.forget())
    _assert_refused(await _ask(signing, assertion))
    await signing.advance(3)
    assert await signing.store.run(lambda tx: tx.assertions.forget()) == 1
    _assert_refused(await _ask(signing, assertion))


@pytest.mark.parametrize(
    "names", [{"iss": "other"}, {"sub": "other"}, {"iss": "https://evil.example"}, {"iss": LEFT_OUT}, {"sub": 1}]
)
async def test_e16_an_assertion_of_another_subject(signing: Issuer, names: dict[str, object]) -> None:
    _assert_refused(await _ask(signing, a_party().assertion(**names)))
    _assert_refused(await _ask(signing, a_party().assertion(**names), client_id="signer"))


async def test_e16_an_assertion_and_another_name_beside_it(signing: Issuer) -> None:
    for name in ("other", "spa", "nobody"):
        _assert_refused(await _ask(signing, a_party().assertion(), client_id=name))


async def test_e16_a_client_of_another_method(signing: Issuer) -> None:
    for name in ("app", "spa", "nobody", "first-party"):
        _assert_refused(await _ask(signing, a_party().assertion(name)))


async def test_e17_an_assertion_brings_its_key(signing: Issuer) -> None:
    thief = a_party("thief")
    certificate = base64.b64encode(b"a certificate").decode()
    for header in (
        {"jwk": thief.jwk},
        {"jku": JWKS_URI},
        {"x5u": JWKS_URI},
        {"x5c": [certificate]},
        {"x5t": "x"},
        {"crit": ["exp"]},
    ):
        for party in (thief, a_party()):
            _assert_refused(await _ask(signing, party.assertion(header={"kid": "key-1", **header})))
    network = signing.services.outbound._network
    assert isinstance(network, NoNetwork)
    assert network.looked_up == []


async def test_e18_tokens_of_other_kinds_as_assertions(signing: Issuer) -> None:
    """Our own access token; the signer's own statements in the dress of an ID token, a logout token, an access token."""
    access_token = (await signing.token("app", **GRANT)).json()["access_token"]
    _assert_refused(await _ask(signing, access_token))
    _assert_refused(await _ask(signing, access_token, client_id="app"))
    for typ in ("at+jwt", "application/at+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "id+jwt"):
        _assert_refused(await _ask(signing, a_party().assertion(header={"typ": typ})))
    id_token = a_party().sign({"iss": ISSUER, "sub": "signer", "aud": "signer", "exp": NOW + 60, "iat": NOW, "nonce": "n"})
    _assert_refused(await _ask(signing, id_token))
    _assert_refused(await _ask(signing, id_token, client_id="signer"))


@pytest.mark.parametrize("row", ["77: in one process", "77: in two processes' worth of replicas"])
async def test_cve_77_of_32_parallel_uses_of_one_assertion_exactly_one_passes(
    any_issuer_database: Database, tmp_path: Path, row: str
) -> None:
    database = any_issuer_database
    replica = Database(database.url, database.clock)
    async with running(database, tmp_path) as first, running(replica, tmp_path) as second:
        await _register(first)
        await second.services.freshness.poll()
        assertion = a_party().assertion()
        sites = (first, first) if "one process" in row else (first, second)

        answers = await asyncio.gather(*(_ask(sites[n % 2], assertion) for n in range(32)))
        statuses = [each.status_code for each in answers]

        assert statuses.count(200) == 1
        assert set(statuses) <= {200, 401, 429}
    replica.close()
    async with running(Database(database.url, database.clock), tmp_path) as restarted:
        restarted.clock.advance(30)
        _assert_refused(await restarted.client_at("198.51.100.1").post("/token", data={**GRANT, **shown(assertion)}))


async def test_cve_77_a_use_that_could_not_be_stored_is_no_proof(signing: Issuer) -> None:
    with signing.failing("assertion", "INSERT"):
        assert (await _ask(signing, a_party().assertion())).status_code == 503


@pytest.mark.parametrize(
    "rubbish", ["", "x", "a.b", "a.b.c", "a.b.c.d.e", "é.é.é", "x" * 20_000, "eyJhbGciOiJFUzI1NiJ9.e30=.AA", "..", "{}.{}.{}"]
)
async def test_rubbish_as_an_assertion(signing: Issuer, rubbish: str) -> None:
    _assert_refused(await _ask(signing, rubbish))


async def test_an_assertion_without_its_type_or_with_another(signing: Issuer) -> None:
    assertion = a_party().assertion()
    for form in (
        {"client_assertion": assertion},
        {"client_assertion": assertion, "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_id": "signer"},
    ):
        _assert_refused(await signing.http.post("/token", data={**GRANT, **form}))


async def test_an_assertion_and_a_secret_at_once(signing: Issuer) -> None:
    headers = {"Authorization": basic("app", SECRETS["app"])}
    answered = await signing.http.post("/token", data={**GRANT, **shown(a_party().assertion())}, headers=headers)

    assert (answered.status_code, answered.json()["error"]) == (400, "invalid_request")


async def test_neither_the_answer_nor_the_log_repeats_an_assertion(signing: Issuer) -> None:
    assertion = a_party().assertion(aud="https://other.example")
    answered = await _ask(signing, assertion)

    for part in assertion.split("."):
        assert part not in answered.text + "".join(signing.log)


@pytest.fixture
async def fetching(issuer_database: Database, tmp_path: Path, outside: Outside) -> AsyncIterator[Issuer]:
    """An auth server that can reach the outside, and a client whose keys are there."""
    async with running(issuer_database, tmp_path, network=outside) as issuer:
        await _register(issuer, jwks=None, jwks_uri=JWKS_URI)
        yield issuer


async def test_keys_are_fetched_once_and_a_rotation_is_seen(fetching: Issuer, outside: Outside) -> None:
    old, new = a_party(), a_party("key-2")
    outside.pages[JWKS_URI] = {"keys": [old.jwk]}
    assert [(await _ask(fetching, old.assertion())).status_code for _ in range(3)] == [200] * 3
    assert outside.asked == [f"GET {JWKS_URI}"]

    outside.pages[JWKS_URI] = {"keys": [new.jwk]}
    _assert_refused(await _ask(fetching, new.assertion()))  # nothing is asked for twice within a minute
    assert len(outside.asked) == 1
    for entry in fetching.services.outbound._entries.values():
        entry.fetched_at, entry.tried_at = entry.fetched_at - 61, entry.tried_at - 61
    assert (await _ask(fetching, new.assertion())).status_code == 200
    assert len(outside.asked) == 2


async def test_keys_that_are_not_there_prove_nothing(fetching: Issuer, outside: Outside) -> None:
    outside.pages[JWKS_URI] = answer(500)

    _assert_refused(await _ask(fetching, a_party().assertion()))
    assert "its keys are not there" in "".join(fetching.log) or "not signed" in "".join(fetching.log)


async def test_a_jwks_uri_that_leads_inside_is_not_asked(fetching: Issuer, outside: Outside) -> None:
    outside.pages[JWKS_URI] = {"keys": [a_party().jwk]}
    outside.addresses["signer.outside.example"] = [["127.0.0.1"]]

    _assert_refused(await _ask(fetching, a_party().assertion()))
    assert outside.dialled == []


async def test_one_bad_key_beside_a_good_one_is_left_out(fetching: Issuer, outside: Outside) -> None:
    bad: list[Any] = [1, {}, {"kty": "EC"}, {"kty": "oct", "k": "AAAA"}, {"kty": "RSA", "n": "AQ", "e": "AQ", "kid": "key-1"}]
    outside.pages[JWKS_URI] = {"keys": [*bad, a_party().jwk]}

    assert (await _ask(fetching, a_party().assertion())).status_code == 200
