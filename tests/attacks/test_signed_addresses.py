"""Incident 36 at the auth server: an address in the header of a signed request is not asked for a key (CVE-2024-21643)."""

from __future__ import annotations

import httpx2
import pytest

from auth_server.endpoints.registry import registration_rules
from tests.support.assertions import a_party, shown
from tests.support.auth_app import ISSUER, Issuer
from tests.support.builders import a_client
from tests.support.outside import NoNetwork
from tests.support.visitor import Visitor, answer_of

ADDRESSES = ("https://signer.outside.example/jwks", "http://169.254.169.254/", "file:///etc/passwd")


def _assert_nothing_went_out(issuer: Issuer) -> None:
    network = issuer.services.outbound._network
    assert isinstance(network, NoNetwork)
    assert network.looked_up == []


@pytest.mark.parametrize("member", ["jku", "x5u"])
async def test_cve_36_an_address_in_an_assertion_is_not_followed(issuer: Issuer, member: str) -> None:
    client = a_client("signer", secret=None, auth_method="private_key_jwt", jwks=a_party().jwks)
    assert await issuer.services.clients.register(client, registration_rules()) is None

    async def ask(assertion: str) -> httpx2.Response:
        return await issuer.http.post("/token", data={"grant_type": "client_credentials", **shown(assertion)})

    assert (await ask(a_party().assertion(header={"kid": "key-1"}))).status_code == 200
    for address in ADDRESSES:
        for party in (a_party("thief"), a_party()):
            answered = await ask(party.assertion(header={"kid": "key-1", member: address}))
            assert (answered.status_code, answered.json()["error"]) == (401, "invalid_client")
    _assert_nothing_went_out(issuer)


@pytest.mark.parametrize("member", ["jku", "x5u"])
async def test_cve_36_an_address_in_a_request_object_is_not_followed(issuer: Issuer, member: str) -> None:
    """There are no request objects here: the answer comes before anything of one is read."""
    visitor = Visitor(issuer)
    for address in ADDRESSES:
        request = a_party("thief").sign({"iss": "app", "aud": ISSUER, "client_id": "app"}, **{member: address})
        answered = await visitor.authorize("app", request=request)

        assert answer_of(answered)["error"] == "request_not_supported"
    _assert_nothing_went_out(issuer)
