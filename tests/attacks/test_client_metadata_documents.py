"""Attacks on clients that are known by the URL of a document: SSRF, impersonation, secrets in public."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from auth_server.endpoints.registry import registration_rules
from auth_server.protocol.client import Client
from tests.support.assertions import a_party, shown
from tests.support.auth_app import Issuer, running
from tests.support.builders import a_public_client
from tests.support.databases import Database
from tests.support.keys import claims_of
from tests.support.outside import Outside, an_outside, answer
from tests.support.visitor import Visitor, answer_of, parameters

URL = "https://agent.outside.example/client.json"
DOCUMENT = {
    "client_id": URL,
    "client_name": "An agent",
    "redirect_uris": ["http://127.0.0.1/cb", "https://agent.outside.example/cb"],
}


@pytest.fixture
async def outside(tmp_path: Path) -> AsyncIterator[Outside]:
    async with an_outside(tmp_path / "outside") as made:
        made.pages[URL] = DOCUMENT
        yield made


@pytest.fixture
async def reaching(issuer_database: Database, tmp_path: Path, outside: Outside) -> AsyncIterator[Issuer]:
    """An auth server where URLs may be clients, which can reach the outside."""
    async with running(issuer_database, tmp_path, {"CLIENT_ID_METADATA": "true"}, network=outside) as issuer:
        yield issuer


@pytest.fixture
async def reaching_any(any_issuer_database: Database, tmp_path: Path, outside: Outside) -> AsyncIterator[Issuer]:
    """The same on SQLite, then on PostgreSQL."""
    async with running(any_issuer_database, tmp_path, {"CLIENT_ID_METADATA": "true"}, network=outside) as issuer:
        yield issuer


async def _find(issuer: Issuer, client_id: str = URL) -> Client | None:
    return await issuer.services.clients.find(client_id)


async def test_a_client_is_what_its_document_says_and_unverified(reaching: Issuer, outside: Outside) -> None:
    client = await _find(reaching)

    assert client is not None
    assert (client.client_id, client.name, client.is_public, client.is_unverified) == (URL, "An agent", True, True)
    assert client.redirect_uris == tuple(DOCUMENT["redirect_uris"])
    assert (client.asks_for_consent, client.requires_pkce) == (True, True)
    assert [await _find(reaching) for _ in range(5)] == [client] * 5
    assert outside.asked == [f"GET {URL}"]
    metadata = (await reaching.http.get("/.well-known/oauth-authorization-server")).json()
    assert metadata["client_id_metadata_document_supported"] is True


async def test_it_survives_a_restart_because_nothing_is_stored(reaching: Issuer) -> None:
    before = reaching.dump()
    await _find(reaching)

    assert reaching.dump() == before


async def test_it_is_off_unless_an_operator_switched_it_on(issuer: Issuer) -> None:
    assert await _find(issuer) is None
    assert issuer.services.outbound._network.looked_up == []  # type: ignore[attr-defined]
    metadata = (await issuer.http.get("/.well-known/openid-configuration")).json()
    assert "client_id_metadata_document_supported" not in metadata


@pytest.mark.parametrize(
    "client_id",
    [
        "http://agent.outside.example/client.json", "https://agent.outside.example", "https://agent.outside.example/",
        "https://agent.outside.example/a/../client.json", "https://agent.outside.example/%2e%2E/client.json",
        "https://agent.outside.example/./client.json", "https://u@agent.outside.example/client.json", f"{URL}#x",
        "https://agent.outside.example:443/client.json", "https://AGENT.outside.example/client.json", "HTTPS://agent.outside.example/c",
        "https://127.0.0.1/client.json", "https://[::1]/c", "https://169.254.169.254/c", "https://localhost/c", "https://db/c",
        "https://agent.outside.example:8443/c", "javascript:alert(1)", "https:///c",
    ],
)  # fmt: skip
async def test_a_url_that_may_not_be_a_client_is_not_asked(reaching: Issuer, outside: Outside, client_id: str) -> None:
    assert await _find(reaching, client_id) is None
    assert (outside.looked_up, outside.dialled) == ([], [])


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "64:ff9b::a00:1"])
async def test_a_name_that_leads_inside_is_not_dialled(reaching: Issuer, outside: Outside, address: str) -> None:
    outside.addresses["agent.outside.example"] = [[address]]

    assert await _find(reaching) is None
    assert outside.dialled == []


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "https://other.outside.example/client.json"}, {"client_id": URL + "?"}, {"client_id": None}, {"client_id": [URL]},
        {"client_secret": "x"}, {"client_secret_expires_at": 0}, {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_method": "client_secret_post"}, {"token_endpoint_auth_method": "private_key_jwt"},
        {"redirect_uris": []}, {"redirect_uris": ["javascript:alert(1)"]}, {"redirect_uris": ["http://agent.outside.example/cb"]},
        {"grant_types": ["client_credentials"]}, {"jwks_uri": "https://127.0.0.1/"}, {"logo_uri": "http://169.254.169.254/"},
    ],
)  # fmt: skip
async def test_a_document_that_describes_no_client(reaching: Issuer, outside: Outside, changes: dict[str, Any]) -> None:
    outside.pages[URL] = DOCUMENT | changes

    assert await _find(reaching) is None


@pytest.mark.parametrize(
    "page",
    [
        answer(404),
        answer(302, b"", "application/json", "Location: https://other.outside.example/"),
        answer(200, b"{}", "text/html"),
        b"",
    ],
)
async def test_a_page_that_is_no_document(reaching: Issuer, outside: Outside, page: bytes) -> None:
    outside.pages[URL] = page

    assert await _find(reaching) is None
    refused = await reaching.http.post("/token", data={"grant_type": "refresh_token", "refresh_token": "x", "client_id": URL})
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert len(outside.asked) == 1  # a failure is remembered too


async def test_a_document_with_keys_proves_itself_by_them(reaching: Issuer, outside: Outside) -> None:
    keys = {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [a_party().jwk]}}
    outside.pages[URL] = DOCUMENT | keys | {"grant_types": ["authorization_code", "refresh_token"]}
    form = {"grant_type": "refresh_token", "refresh_token": "x"}

    right = await reaching.http.post("/token", data=form | shown(a_party().assertion(URL)))
    wrong = await reaching.http.post("/token", data=form | shown(a_party("thief").assertion(URL)))
    bare = await reaching.http.post("/token", data=form | {"client_id": URL})

    assert right.json()["error"] == "invalid_grant"  # the client proved itself; the token is rubbish
    assert (wrong.status_code, bare.status_code) == (401, 401)


async def test_what_an_operator_registered_under_a_url_comes_first_and_can_be_disabled(
    reaching: Issuer, outside: Outside
) -> None:
    await reaching.services.clients.register(a_public_client(URL, name="Ours"), registration_rules())
    await reaching.services.clients.disable(URL)

    client = await _find(reaching)

    assert client is not None
    assert (client.name, client.disabled) == ("Ours", True)
    assert outside.asked == []


async def test_it_goes_through_the_whole_flow_and_every_row_that_names_it_is_stored(
    reaching_any: Issuer, outside: Outside
) -> None:
    """It has no row of its own among the clients: pushed request, code, consent and refresh family name it all the same."""
    outside.pages[URL] = DOCUMENT | {"grant_types": ["authorization_code", "refresh_token"]}
    reaching, visitor = reaching_any, Visitor(reaching_any)
    form = {"redirect_uri": DOCUMENT["redirect_uris"][1], "scope": "openid notes:read"}

    pushed = await reaching.post("/par", parameters(URL, **form), URL)
    assert pushed.status_code == 201, pushed.text
    back = await visitor.through(await visitor.get("/authorize", client_id=URL, request_uri=pushed.json()["request_uri"]))
    tokens = await visitor.exchange(answer_of(back)["code"], URL, redirect_uri=form["redirect_uri"])
    assert tokens.status_code == 200, tokens.text
    first = await reaching.refresh(tokens.json()["refresh_token"], URL)
    await reaching.advance(60)  # past the window in which several tabs share one successor
    second = await reaching.refresh(first.json()["refresh_token"], URL)

    assert back.headers["location"].startswith(f"{form['redirect_uri']}?")
    assert (first.status_code, second.status_code) == (200, 200)
    assert [claims_of(each.json()["access_token"])["client_id"] for each in (tokens, first, second)] == [URL] * 3
    assert claims_of(tokens.json()["id_token"])["aud"] == URL
    for table in ("consent", "authorization_code", "refresh_family"):
        assert [row["client_id"] for row in reaching.rows(table)] == [URL], table
    assert URL not in [row["client_id"] for row in reaching.rows("client")]
    assert outside.asked == [f"GET {URL}"]
    # An ancestor that comes back ends the family, as anybody's does.
    assert (await reaching.refresh(tokens.json()["refresh_token"], URL)).json()["error"] == "invalid_grant"
    assert (await reaching.refresh(second.json()["refresh_token"], URL)).json()["error"] == "invalid_grant"
