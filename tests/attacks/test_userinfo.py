"""Attacks on userinfo: rows H08 to H13 and G05 of the project's checklist (RFC 6750, OpenID Connect Core section 5.3)."""

from __future__ import annotations

import httpx2
import pytest

from tests.support.auth_app import Issuer
from tests.support.builders import NOTES
from tests.support.visitor import Visitor


async def _ask(issuer: Issuer, token: str | None = None, **more: object) -> httpx2.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return await issuer.http.request("GET", "/userinfo", headers=headers, **more)  # type: ignore[arg-type]


def _assert_refused(answer: httpx2.Response, status: int, error: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["www-authenticate"].startswith(f'Bearer error="{error}"')
    assert answer.headers["cache-control"] == "no-store"
    assert "sub" not in answer.json()


async def test_h08_without_a_token(issuer: Issuer) -> None:
    answer = await _ask(issuer)

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_h09_a_token_without_openid(issuer: Issuer) -> None:
    tokens = await Visitor(issuer).tokens()
    narrowed = (await issuer.refresh(tokens["refresh_token"], "app", scope="notes:read")).json()

    answer = await _ask(issuer, narrowed["access_token"])

    _assert_refused(answer, 403, "insufficient_scope")
    assert 'scope="openid"' in answer.headers["www-authenticate"]


async def test_h10_a_token_in_the_address(issuer: Issuer) -> None:
    token = (await Visitor(issuer).tokens())["access_token"]

    answer = await _ask(issuer, params={"access_token": token})

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_h11_a_token_in_two_places(issuer: Issuer) -> None:
    token = (await Visitor(issuer).tokens())["access_token"]

    answer = await issuer.http.post("/userinfo", data={"access_token": token}, headers={"Authorization": f"Bearer {token}"})

    _assert_refused(answer, 400, "invalid_request")


async def test_h12_the_id_token_opens_nothing(issuer: Issuer) -> None:
    _assert_refused(await _ask(issuer, (await Visitor(issuer).tokens())["id_token"]), 401, "invalid_token")


async def test_h13_a_token_for_an_api_does_not_open_userinfo(issuer: Issuer) -> None:
    token = (await Visitor(issuer).tokens(resource=NOTES))["access_token"]

    _assert_refused(await _ask(issuer, token), 401, "invalid_token")


async def test_g05_a_client_is_no_person(issuer: Issuer) -> None:
    token = (await issuer.token("app", grant_type="client_credentials")).json()["access_token"]

    _assert_refused(await _ask(issuer, token), 403, "insufficient_scope")


@pytest.mark.parametrize("spoil", ["cut", "flip", "none", "empty", "two words", "rt"])
async def test_rubbish(issuer: Issuer, spoil: str) -> None:
    tokens = await Visitor(issuer).tokens()
    token: str = tokens["access_token"]
    header, payload, signature = token.split(".")
    spoiled = {
        "cut": token[:-2],
        "flip": f"{header}.{payload}.{signature[:-4]}AAAA",
        "none": f"eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{payload}.",
        "empty": "",
        "two words": f"{token} x",
        "rt": tokens["refresh_token"],
    }[spoil]

    answer = await issuer.http.get("/userinfo", headers={"Authorization": f"Bearer {spoiled}"})

    assert answer.status_code in (400, 401)
    assert "sub" not in answer.json()


async def test_an_expired_token(issuer: Issuer) -> None:
    token = (await Visitor(issuer).tokens())["access_token"]
    await issuer.advance(600)

    _assert_refused(await _ask(issuer, token), 401, "invalid_token")


async def test_a_token_of_a_session_that_ended(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    token = (await visitor.tokens())["access_token"]
    await issuer.services.sessions.end_all(await issuer.sub(), "signed_out")

    _assert_refused(await _ask(issuer, token), 401, "invalid_token")


async def test_a_token_of_somebody_who_was_disabled(issuer: Issuer) -> None:
    token = (await Visitor(issuer).tokens(scope="openid offline_access"))["access_token"]
    await issuer.services.administration.disable(await issuer.sub(), "test")

    _assert_refused(await _ask(issuer, token), 401, "invalid_token")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_h27_another_origin_never_goes_with_credentials(issuer: Issuer, method: str) -> None:
    answer = await issuer.http.request(method, "/userinfo", headers={"Origin": "https://evil.example"})

    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
