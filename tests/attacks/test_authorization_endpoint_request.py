"""Attacks on the authorization request: rows B01 to B32 of the project's checklist (RFC 9700 sections 2.1.1, 4.4, 4.5, 4.7, 4.8)."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.auth_app import ISSUER, Issuer
from tests.support.builders import NOTES
from tests.support.visitor import CALLBACK, CHALLENGE, Visitor, answer_of, parameters

_Changes = dict[str, str | None]


async def _assert_goes_back(issuer: Issuer, error: str, *faults: _Changes) -> None:
    for changes in faults:
        assert (await Visitor(issuer).refusal(**changes))["error"] == error, changes


async def test_b01_no_response_type(issuer: Issuer) -> None:
    await _assert_goes_back(issuer, "invalid_request", {"response_type": None})


async def test_b02_implicit(issuer: Issuer) -> None:
    await _assert_goes_back(issuer, "unsupported_response_type", {"response_type": "token"})


async def test_b03_hybrid_and_implicit_openid_connect(issuer: Issuer) -> None:
    await _assert_goes_back(
        issuer,
        "unsupported_response_type",
        {"response_type": "code id_token"},
        {"response_type": "id_token"},
        {"response_type": "code token"},
    )


async def test_b05_no_pkce_confidential_client(issuer: Issuer) -> None:
    await _assert_goes_back(issuer, "invalid_request", {"code_challenge": None, "code_challenge_method": None})


async def test_b06_plain_pkce(issuer: Issuer) -> None:
    await _assert_goes_back(issuer, "invalid_request", {"code_challenge_method": "plain"})


async def test_b07_method_left_out_which_means_plain(issuer: Issuer) -> None:
    await _assert_goes_back(issuer, "invalid_request", {"code_challenge_method": None})


async def test_b08_an_unknown_method(issuer: Issuer) -> None:
    await _assert_goes_back(issuer, "invalid_request", {"code_challenge_method": "S512"}, {"code_challenge_method": "s256"})


async def test_b09_a_malformed_challenge(issuer: Issuer) -> None:
    await _assert_goes_back(
        issuer,
        "invalid_request",
        {"code_challenge": "a" * 42},
        {"code_challenge": "a" * 129},
        {"code_challenge": "a" * 42 + "="},
        {"code_challenge": "a" * 42 + "+"},
    )


async def test_b10_a_method_without_a_challenge(issuer: Issuer) -> None:
    await _assert_goes_back(issuer, "invalid_request", {"code_challenge": None})


async def test_b11_a_scope_the_client_may_not_have(issuer: Issuer) -> None:
    await _assert_goes_back(issuer, "invalid_scope", {"scope": "admin"})


async def test_b12_a_malformed_scope(issuer: Issuer) -> None:
    await _assert_goes_back(issuer, "invalid_scope", {"scope": 'a"b'}, {"scope": "\0"})


async def test_b13_silence_without_a_session(issuer: Issuer) -> None:
    await _assert_goes_back(issuer, "login_required", {"prompt": "none"})


async def test_b15_a_contradictory_prompt(issuer: Issuer) -> None:
    await _assert_goes_back(issuer, "invalid_request", {"prompt": "none login"}, {"prompt": "teleport"})


async def test_b19_a_request_object(issuer: Issuer) -> None:
    await _assert_goes_back(issuer, "request_not_supported", {"request": "eyJhbGciOiJub25lIn0.e30."})


async def test_b21_and_no_request_object_is_offered(issuer: Issuer) -> None:
    unsigned = "eyJhbGciOiJub25lIn0.eyJjbGllbnRfaWQiOiJhcHAifQ."

    await _assert_goes_back(issuer, "request_not_supported", {"request": unsigned})
    assert (await issuer.http.get("/.well-known/openid-configuration")).json()["request_parameter_supported"] is False


async def test_b22_nor_one_of_another_client(issuer: Issuer) -> None:
    signed = (await Visitor(issuer).tokens("other"))["id_token"]

    await _assert_goes_back(issuer, "request_not_supported", {"request": signed})


async def test_b23_an_unknown_response_mode(issuer: Issuer) -> None:
    await _assert_goes_back(issuer, "invalid_request", {"response_mode": "teleport"}, {"response_mode": "fragment"})


async def test_b24_a_foreign_resource(issuer: Issuer) -> None:
    await _assert_goes_back(issuer, "invalid_target", {"resource": "https://unknown.example"})


async def test_b25_a_malformed_resource(issuer: Issuer) -> None:
    await _assert_goes_back(issuer, "invalid_target", {"resource": "relative/path"}, {"resource": f"{NOTES}/#f"})


@pytest.mark.parametrize(
    "error, changes",
    [
        ("invalid_request", {"max_age": "-1"}),
        ("invalid_request", {"max_age": "soon"}),
        ("invalid_request", {"claims": "[]"}),
        ("invalid_request", {"claims": "{"}),
        ("invalid_request", {"claims": '{"id_token": {"acr": 1}}'}),
        ("registration_not_supported", {"registration": "{}"}),
    ],
)
async def test_other_faults_go_back_to_the_client_too(issuer: Issuer, error: str, changes: _Changes) -> None:
    await _assert_goes_back(issuer, error, changes)


async def test_b04_no_pkce_public_client(issuer: Issuer) -> None:
    answer = await Visitor(issuer).refusal("spa", code_challenge=None, code_challenge_method=None)

    assert answer["error"] == "invalid_request"


async def test_b11_what_is_left_is_granted_and_told(issuer: Issuer) -> None:
    tokens = await Visitor(issuer).tokens(scope="openid admin")

    assert tokens["scope"] == "openid"


async def test_b20_a_request_uri_never_causes_a_connection(issuer: Issuer) -> None:
    connected = asyncio.Event()

    async def listen(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answer = await Visitor(issuer).refusal(request_uri=f"http://127.0.0.1:{port}/x")
        await asyncio.sleep(0)

    assert answer["error"] == "request_uri_not_supported"
    assert not connected.is_set()


@pytest.mark.parametrize("state", ["a\r\nSet-Cookie:x=1", "a&b=c#d", "\N{SNOWMAN}", '"><script>'])
async def test_b26_the_state_comes_back_encoded(issuer: Issuer, state: str) -> None:
    visitor = Visitor(issuer)

    response = await visitor.through(await visitor.authorize(state=state))

    assert answer_of(response)["state"] == state
    assert "x" not in visitor.cookies
    assert "set-cookie:x=1" not in {f"{name}:{value}".lower() for name, value in response.headers.multi_items()}


async def test_b27_a_huge_parameter(issuer: Issuer) -> None:
    # The test's own client sends no longer address.
    answer = await Visitor(issuer).authorize(state="a" * 60_000)

    assert answer.status_code == 414
    assert "location" not in answer.headers


async def test_b27_a_huge_parameter_in_a_form(issuer: Issuer) -> None:
    answer = await issuer.http.post("/authorize", data=parameters(state="a" * 100_000))

    assert answer.status_code == 413


async def test_b28_a_success_carries_iss_and_the_metadata_say_so(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    answer = answer_of(await visitor.through(await visitor.authorize()))
    metadata = (await issuer.http.get("/.well-known/openid-configuration")).json()

    assert (answer["iss"], answer["state"]) == (ISSUER, "state-of-a-test")
    assert metadata["authorization_response_iss_parameter_supported"] is True


@pytest.mark.parametrize("method", ["OPTIONS", "GET"])
async def test_b29_no_cors(issuer: Issuer, method: str) -> None:
    answer = await issuer.http.request(method, "/authorize", params=parameters(), headers={"Origin": "https://evil.example"})

    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_b30_other_methods(issuer: Issuer, method: str) -> None:
    answer = await issuer.http.request(method, "/authorize", params=parameters())

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize("path", ["/authorize", "/end_session"])
async def test_a_look_at_the_headers_changes_nothing(issuer: Issuer, path: str) -> None:
    visitor = Visitor(issuer)
    await visitor.code()
    before = issuer.dump()

    answer = await visitor.send("HEAD", path, params=parameters(prompt="none"))

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert issuer.dump() == before


async def test_cve_84_a_redirect_uri_of_a_megabyte_is_refused_by_its_length(issuer: Issuer) -> None:
    sent = parameters(redirect_uri="https://app.example/" + "a" * 1_000_000)
    answer = await issuer.http.post("/authorize", data=sent)
    shorter = await issuer.http.post("/authorize", data=sent | {"redirect_uri": "https://app.example/" + "a" * 7_000})

    assert (answer.status_code, shorter.status_code) == (413, 400)


async def test_cve_43_parameters_in_body_and_address(issuer: Issuer) -> None:
    answer = await issuer.http.post("/authorize?client_id=app", data=parameters())

    assert (answer.status_code, "location" in answer.headers) == (400, False)


async def test_a_posted_request_is_answered_like_a_link(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    response = await visitor.send("POST", "/authorize", data=parameters())

    assert "code" in answer_of(await visitor.through(response))


async def test_form_post_sends_the_answer_by_a_form_to_the_client_alone(issuer: Issuer) -> None:
    visitor = Visitor(issuer)

    answer = await visitor.through(await visitor.authorize(response_mode="form_post", state='"><script>alert(1)</script>'))

    assert answer.status_code == 200
    assert f'<form method="post" action="{CALLBACK}">' in answer.text
    assert 'name="code"' in answer.text
    assert f'name="iss" value="{ISSUER}"' in answer.text
    assert "<script>alert(1)" not in answer.text
    policies = answer.headers.get_list("content-security-policy")
    assert len(policies) == 1
    assert "form-action https://app.example;" in policies[0]
    assert "unsafe-inline" not in policies[0]
    assert answer.headers["cache-control"] == "no-store"


async def test_an_error_of_form_post_goes_the_same_way(issuer: Issuer) -> None:
    answer = await Visitor(issuer).authorize(response_mode="form_post", prompt="none")

    assert (answer.status_code, 'value="login_required"' in answer.text) == (200, True)


async def test_the_challenge_is_what_a_conforming_client_computes() -> None:
    """RFC 7636 appendix B."""
    from auth_server.protocol.pkce import challenge_of

    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert len(CHALLENGE) == 43
