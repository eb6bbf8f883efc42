"""Attacks on pushed authorization requests: rows B31 and B32 of the project's checklist, and incident 57 (RFC 9126)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.auth_app import Issuer
from tests.support.visitor import CALLBACK, Visitor, answer_of, parameters


async def _pushed(issuer: Issuer, client: str = "app", **changes: str | None) -> Any:
    return await issuer.post("/par", parameters(client, **changes), client)


async def test_a_pushed_request_is_answered_like_one_in_the_address(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    pushed = await _pushed(issuer)

    response = await visitor.get("/authorize", client_id="app", request_uri=pushed.json()["request_uri"])

    assert (pushed.status_code, pushed.json()["expires_in"]) == (201, 90)
    code = answer_of(await visitor.through(response))["code"]
    assert (await visitor.exchange(code)).status_code == 200


async def test_b31_a_request_uri_of_another_client_is_a_page_and_stays_good(issuer: Issuer) -> None:
    uri = (await _pushed(issuer)).json()["request_uri"]

    stolen = await Visitor(issuer).get("/authorize", client_id="other", request_uri=uri)
    honest = await Visitor(issuer).get("/authorize", client_id="app", request_uri=uri)

    assert (stolen.status_code, "location" in stolen.headers) == (400, False)
    assert honest.status_code == 303


async def test_b31_a_request_uri_is_used_once(issuer: Issuer) -> None:
    uri = (await _pushed(issuer)).json()["request_uri"]
    await Visitor(issuer).get("/authorize", client_id="app", request_uri=uri)

    assert (await Visitor(issuer).get("/authorize", client_id="app", request_uri=uri)).status_code == 400


async def test_b31_a_request_uri_expires(issuer: Issuer) -> None:
    uri = (await _pushed(issuer)).json()["request_uri"]
    issuer.clock.advance(90)

    assert (await Visitor(issuer).get("/authorize", client_id="app", request_uri=uri)).status_code == 400


async def test_b31_parameters_beside_a_request_uri_count_for_nothing(issuer: Issuer) -> None:
    uri = (await _pushed(issuer)).json()["request_uri"]
    visitor = Visitor(issuer)

    response = await visitor.get(
        "/authorize", client_id="app", request_uri=uri, redirect_uri="https://evil.example/cb", scope="notes:write"
    )

    waiting = await visitor.waiting(response)
    assert (waiting.request.redirect_uri, waiting.request.scope) == (CALLBACK, {"openid", "notes:read"})


async def test_b32_par_without_authentication(issuer: Issuer) -> None:
    answer = await issuer.post("/par", parameters(), None)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    "error, changes",
    [
        ("invalid_request", {"request_uri": "urn:ietf:params:oauth:request_uri:x"}),
        ("invalid_request", {"redirect_uri": "https://evil.example/cb"}),
        ("invalid_request", {"code_challenge": None}),
        ("invalid_scope", {"scope": "admin"}),
        ("invalid_target", {"resource": "https://unknown.example"}),
        ("unsupported_response_type", {"response_type": "token"}),
    ],
)
async def test_b32_par_refuses_what_the_front_channel_refuses(issuer: Issuer, error: str, changes: dict[str, str | None]) -> None:
    answer = await _pushed(issuer, **changes)

    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.headers["cache-control"] == "no-store"


async def test_a_client_that_must_push_is_refused_in_the_address(issuer: Issuer) -> None:
    assert (await Visitor(issuer).refusal("pushing"))["error"] == "invalid_request"
    assert (await _pushed(issuer, "pushing")).status_code == 201


async def test_cve_57_no_cookie_address_or_log_line_holds_a_pushed_parameter(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    canaries = {"state": "canary-state-31", "nonce": "canary-nonce-32", "login_hint": "canary-hint-33"}
    uri = (await _pushed(issuer, **canaries)).json()["request_uri"]

    response = await visitor.get("/authorize", client_id="app", request_uri=uri)

    seen = [str(visitor.cookies), response.headers["location"], *issuer.log]
    assert not [canary for canary in canaries.values() for text in seen if canary in text]
