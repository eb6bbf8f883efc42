"""What went wrong with codes, redirect URIs and PKCE in other products, one test each: incidents 39 to 42, 45, 47, 60, 61, 67, 68, 81, 85
and 88. Others stand with the rows they belong to (43, 57, 84: authorization requests; 49, 51, 62, 75, 82, 83, 87, 90: codes).
"""

from __future__ import annotations

import ast
import asyncio
import itertools
import socket
from pathlib import Path

import pytest

import auth_server
from tests.support.auth_app import ISSUER, Issuer, running
from tests.support.registered import REDIRECTS
from tests.support.visitor import CALLBACK, Visitor, answer_of


async def test_cve_39_of_32_refreshes_at_once_one_rotates(issuer: Issuer) -> None:
    first = (await Visitor(issuer).tokens("spa"))["refresh_token"]

    answers = await asyncio.gather(*(issuer.refresh(first) for _ in range(32)))

    successors = {answer.json()["refresh_token"] for answer in answers if answer.status_code == 200}
    assert len(successors) == 1
    assert [row["seq"] for row in issuer.rows("refresh_family")] == [1]


async def test_cve_40_what_was_used_up_stays_so_on_every_replica_and_after_a_restart(issuer: Issuer, tmp_path: Path) -> None:
    visitor = Visitor(issuer)
    code = await visitor.code("spa")
    first = (await visitor.exchange(code, "spa")).json()["refresh_token"]
    second = (await issuer.refresh(first)).json()["refresh_token"]
    await issuer.advance(40)
    assert (await issuer.refresh(second)).status_code == 200
    issuer.clock.advance(600)

    async with running(issuer.database, tmp_path / "restarted") as restarted:
        assert (await Visitor(restarted).exchange(code, "spa")).status_code == 400
        assert (await restarted.refresh(first)).status_code == 400


def _tricks() -> set[str]:
    """Some hundred addresses that some parser, somewhere, took for `https://app.example/cb`."""
    hosts = [
        "app.example",
        "evil.example",
        "app.example.evil.example",
        "evilapp.example",
        "APP.EXAMPLE",
        "app.example.",
        "xn--app.example",
    ]
    users = [
        "",
        "app.example@",
        "app.example:x@",
        "app.example%40",
        "app.example\\@",
        "app.example#@",
        "app.example?@",
        "app.example;@",
    ]
    paths = [
        "/cb",
        "/cb/",
        "//cb",
        "/./cb",
        "/x/../cb",
        "/x/%2e%2e/cb",
        "/CB",
        "/cb%00",
        "/cb%20",
        "/cb;x",
        "/cb?",
        "/cb#",
        "\\cb",
    ]
    schemes = [
        "https://",
        "https:/",
        "https:",
        "//",
        "HTTPS://",
        "http://",
        "https:\\\\",
        "javascript:https://",
        "https://\t",
        "https:///",
    ]
    every = itertools.chain(
        (f"https://{user}{host}{path}" for user, host, path in itertools.product(users, hosts, ["/cb", "/cb/"])),
        (f"{scheme}app.example{path}" for scheme, path in itertools.product(schemes, paths)),
        (f"https://app.example{port}/cb" for port in (":443", ":80", ":8443", ":", ":443x", ":-1", ":0")),
        (f"https://app.example/cb{character}" for character in "\t\r\n\0 \u200b\u3002\uff0f"),
        (f"{character}https://app.example/cb" for character in "\t\r\n\0 "),
        ("https://app。example/cb", "https://ａpp.example/cb", "https://app.example／cb", "https://app%2eexample/cb"),
    )
    return set(every) - {CALLBACK}


async def test_cve_41_no_spelling_of_an_address_is_taken_for_another(issuer: Issuer) -> None:
    tricks = _tricks()

    assert len(tricks) > 200
    for uri in tricks:
        answer = await Visitor(issuer).authorize(redirect_uri=uri)
        assert (answer.status_code, "location" in answer.headers) == (400, False), uri


@pytest.mark.parametrize("client", ["app", "native"])
async def test_cve_42_neither_suffix_nor_prefix_is_a_host(issuer: Issuer, client: str) -> None:
    for host in ("127.0.0.1.evil.example", "localhost.evil.example", "evilapp.example", "127.0.0.1@evil.example", "localhost"):
        for scheme in ("http", "https"):
            answer = await Visitor(issuer).authorize(client, redirect_uri=f"{scheme}://{host}/cb")
            assert (answer.status_code, "location" in answer.headers) == (400, False), host


async def test_cve_45_nothing_is_ever_fetched_for_a_request_uri(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _socket, address: connected.append(address))

    for uri in ("http://169.254.169.254/x", "https://evil.example/x", "file:///etc/passwd", "ftp://evil.example/x", "data:,x"):
        assert answer_of(await Visitor(issuer).authorize(request_uri=uri))["error"] == "request_uri_not_supported"
    unknown = await Visitor(issuer).get("/authorize", client_id="app", request_uri="urn:ietf:params:oauth:request_uri:x")

    assert (unknown.status_code, connected) == (400, [])


def test_cve_47_passwords_are_looked_at_behind_one_gate() -> None:
    """Whoever else compared a password would do it past the guess limits."""
    root = Path(auth_server.__file__).parent
    callers = {
        file.relative_to(root).as_posix()
        for file in root.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("passwords.matches")
    }

    assert callers == {"accounts/login.py"}


async def test_cve_60_code_and_refresh_token_are_of_no_use_to_another_client(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    code = await visitor.code()

    assert (await visitor.exchange(code, "other", redirect_uri=CALLBACK)).json()["error"] == "invalid_grant"
    tokens = (await visitor.exchange(code)).json()
    assert (await issuer.refresh(tokens["refresh_token"], "other")).json()["error"] == "invalid_grant"
    assert (await issuer.refresh(tokens["refresh_token"], "app")).status_code == 200


async def test_cve_61_the_refresh_token_of_somebody_who_was_disabled(issuer: Issuer) -> None:
    tokens = await Visitor(issuer).tokens(scope="openid offline_access notes:read")
    await issuer.services.administration.disable(await issuer.sub(), "test")

    assert (await issuer.refresh(tokens["refresh_token"], "app")).json()["error"] == "invalid_grant"


async def test_cve_67_a_dot_in_a_registered_address_is_a_dot(issuer: Issuer) -> None:
    for client, uri in (("app", "https://appXexample/cb"), ("native", "comXexample.app:/cb"), ("native", "http://127X0.0.1/cb")):
        answer = await Visitor(issuer).authorize(client, redirect_uri=uri)
        assert (answer.status_code, "location" in answer.headers) == (400, False), uri


async def test_cve_68_pkce_is_neither_dropped_nor_weakened(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    faults: list[dict[str, str | None]] = [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": "", "code_challenge_method": "S256"},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": ""},
    ]

    for fault in faults:
        assert answer_of(await Visitor(issuer).authorize(**fault))["error"] == "invalid_request"
    for verifier in (None, "", " "):
        assert (await visitor.exchange(await visitor.code(), code_verifier=verifier)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("client", ["app", "spa", "other", "native", "paired", "own"])
async def test_cve_81_no_client_gets_a_code_without_pkce_unless_it_was_let_off_by_name(issuer: Issuer, client: str) -> None:
    answer = await Visitor(issuer).authorize(client, code_challenge=None, code_challenge_method=None)

    assert answer_of(answer)["error"] == "invalid_request"
    assert answer.headers["location"].startswith(REDIRECTS[client])


async def test_cve_85_nothing_is_redirected_before_client_and_address_are_known(issuer: Issuer) -> None:
    faults: list[dict[str, str | None]] = [
        {"response_type": "token"},
        {"scope": "admin"},
        {"prompt": "none"},
        {"request": "x"},
        {"response_mode": "form_post"},
        {"response_mode": "x"},
    ]

    for fault, where in itertools.product(faults, ({"client_id": "nobody"}, {"redirect_uri": "https://evil.example/cb"})):
        answer = await Visitor(issuer).authorize(**fault, **where)
        assert (answer.status_code, "location" in answer.headers, "evil" in answer.text) == (400, False, False)


async def test_cve_88_what_comes_after_a_sign_in_is_a_row_of_ours_and_nothing_is_cached(issuer: Issuer) -> None:
    visitor = Visitor(issuer)

    begun = await visitor.authorize(next="https://evil.example", return_to="//evil.example")
    login = await issuer.login()
    code = await visitor.through(begun)
    tokens = await visitor.exchange(answer_of(code)["code"])

    assert begun.headers["location"].startswith(f"{ISSUER}/login?request=")
    assert "evil" not in begun.headers["location"] + code.headers["location"]
    assert {answer.headers["cache-control"] for answer in (begun, login, code, tokens)} == {"no-store"}
