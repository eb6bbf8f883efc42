"""Attacks on where the answer of the authorization endpoint goes: rows A01 to A20 of the project's checklist (RFC 9700 section 4.1)."""

from __future__ import annotations

import httpx2
import pytest

from tests.support.auth_app import Issuer
from tests.support.visitor import CALLBACK, Visitor, answer_of, parameters

SENTENCE = "This request cannot be completed."


def _assert_page(answer: httpx2.Response, status: int = 400) -> None:
    """Status 400, a page, and nothing sent anywhere."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8"), answer.text
    assert "location" not in answer.headers
    assert SENTENCE in answer.text
    assert "evil" not in answer.text
    assert answer.headers["cache-control"] == "no-store"


async def _send(issuer: Issuer, query: str) -> httpx2.Response:
    return await issuer.http.get(f"/authorize?{query}")


async def test_a01_an_unknown_client(issuer: Issuer) -> None:
    _assert_page(await Visitor(issuer).authorize(client_id="nobody"))


async def test_a02_no_client(issuer: Issuer) -> None:
    _assert_page(await Visitor(issuer).authorize(client_id=None))


async def test_a_disabled_client_is_answered_like_an_unknown_one(issuer: Issuer) -> None:
    await issuer.services.clients.disable("app")

    _assert_page(await Visitor(issuer).authorize())


async def _assert_no_answer_to(issuer: Issuer, *uris: str) -> None:
    for uri in uris:
        _assert_page(await Visitor(issuer).authorize(redirect_uri=uri))


async def test_a03_a_foreign_redirect_uri(issuer: Issuer) -> None:
    await _assert_no_answer_to(issuer, "https://evil.example/cb")


async def test_a04_a_longer_path(issuer: Issuer) -> None:
    await _assert_no_answer_to(issuer, "https://app.example/cb/x", "https://app.example/cb/", "https://app.example/c")


async def test_a05_a_query_added(issuer: Issuer) -> None:
    await _assert_no_answer_to(issuer, "https://app.example/cb?x=1", "https://app.example/cb?")


async def test_a06_a_fragment_added(issuer: Issuer) -> None:
    await _assert_no_answer_to(issuer, "https://app.example/cb#x")


async def test_a07_the_host_as_a_user_name(issuer: Issuer) -> None:
    await _assert_no_answer_to(issuer, "https://app.example@evil.example/cb")


async def test_a08_the_host_as_a_suffix(issuer: Issuer) -> None:
    await _assert_no_answer_to(issuer, "https://app.example.evil.example/cb")


async def test_a09_another_case(issuer: Issuer) -> None:
    await _assert_no_answer_to(issuer, "https://app.example/CB", "https://APP.example/cb")


async def test_a10_dot_segments_plain_and_encoded(issuer: Issuer) -> None:
    await _assert_no_answer_to(issuer, "https://app.example/x/../cb", "https://app.example/x/%2e%2e/cb")


async def test_a11_the_scheme_downgraded(issuer: Issuer) -> None:
    await _assert_no_answer_to(issuer, "http://app.example/cb")


async def test_a12_another_port_of_a_web_client(issuer: Issuer) -> None:
    await _assert_no_answer_to(issuer, "https://app.example:8443/cb", "https://app.example:443/cb")


async def test_a14_bytes_that_some_parser_drops(issuer: Issuer) -> None:
    await _assert_no_answer_to(
        issuer,
        "https://app.example\\@evil.example/cb",
        "https://app.example/cb\r\n",
        "https://app.example/cb\t",
        "https://app.example/cb\0",
        " https://app.example/cb",
        "https://app.example/cb ",
    )


async def test_a19_the_redirect_uri_of_another_client(issuer: Issuer) -> None:
    await _assert_no_answer_to(issuer, "https://other.example/cb")


@pytest.mark.parametrize("uri", ["http://127.0.0.1:51004/cb", "http://127.0.0.1/cb", "http://127.0.0.1:1/cb"])
async def test_a13_any_port_on_loopback_for_a_native_client(issuer: Issuer, uri: str) -> None:
    visitor = Visitor(issuer)

    answer = await visitor.through(await visitor.authorize("native", redirect_uri=uri))

    assert answer.headers["location"].startswith(f"{uri}?code=")
    exchanged = await visitor.exchange(answer_of(answer)["code"], "native", redirect_uri=uri)
    assert exchanged.status_code == 200


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost:51004/cb",
        "http://127.0.0.1:51004/cb2",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:510044/cb",
        "http://127.0.0.1:51004@evil.example/cb",
        "http://127.0.0.1:51004.evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.2:51004/cb",
        "http://[::1]:51004/cb",
        "https://127.0.0.1:51004/cb",
        "com.example.app:51004/cb",
    ],
)
async def test_a13_nothing_but_the_port_is_free(issuer: Issuer, uri: str) -> None:
    _assert_page(await Visitor(issuer).authorize("native", redirect_uri=uri))


@pytest.mark.parametrize("order", [0, 1])
async def test_a15_two_redirect_uris(issuer: Issuer, order: int) -> None:
    both = [f"redirect_uri={CALLBACK}", "redirect_uri=https://evil.example/cb"]
    first, second = both[order], both[1 - order]

    _assert_page(await _send(issuer, f"client_id=app&response_type=code&{first}&{second}"))


async def test_a16_two_clients(issuer: Issuer) -> None:
    _assert_page(await _send(issuer, f"client_id=app&client_id=other&response_type=code&redirect_uri={CALLBACK}"))


@pytest.mark.parametrize(
    "pair",
    ["scope=openid&scope=openid", "code_challenge=a&code_challenge=b", "state=a&state=b", "response_mode=a&response_mode=b"],
)
async def test_a17_another_parameter_twice(issuer: Issuer, pair: str) -> None:
    name = pair.partition("=")[0]
    rest = "&".join(f"{key}={value}" for key, value in parameters().items() if key != name)

    answer = answer_of(await _send(issuer, f"{rest.replace(' ', '+')}&{pair}"))

    assert (answer["error"], answer["iss"]) == ("invalid_request", "http://localhost:8000")
    # With two of them nobody knows which one is the client's.
    assert answer.get("state") == (None if name == "state" else "state-of-a-test")


async def test_a18_no_redirect_uri_while_two_are_registered(issuer: Issuer) -> None:
    _assert_page(await Visitor(issuer).authorize("other", redirect_uri=None))


async def test_a_redirect_uri_may_be_left_out_where_there_is_one_and_nobody_signs_in_by_it(issuer: Issuer) -> None:
    visitor = Visitor(issuer)

    code = answer_of(await visitor.through(await visitor.authorize(redirect_uri=None, scope="notes:read")))["code"]

    assert (await visitor.exchange(code, redirect_uri=None)).status_code == 200


async def test_openid_connect_needs_the_redirect_uri(issuer: Issuer) -> None:
    answer = answer_of(await Visitor(issuer).authorize(redirect_uri=None))

    assert answer["error"] == "invalid_request"


@pytest.mark.parametrize(
    "fault", [{"prompt": "none"}, {"scope": "admin"}, {"code_challenge": None}, {"response_type": "token"}, {"request": "eyJ"}]
)
async def test_a20_no_fault_makes_it_an_open_redirector(issuer: Issuer, fault: dict[str, str | None]) -> None:
    _assert_page(await Visitor(issuer).authorize(redirect_uri="https://evil.example/cb", **fault))


async def test_no_encoding_of_a_byte_that_is_not_utf_8_reaches_the_comparison(issuer: Issuer) -> None:
    _assert_page(await _send(issuer, f"client_id=app&response_type=code&redirect_uri={CALLBACK}%ff"))
