"""The authorization code flow through real processes, real pages and a real HTTP client, as `docs/authorization-code.md` tells it."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest

from docs.demo.story import call, decode
from tests.flows.pair import Pair
from tests.support.forms import FormBrowser

ROOT = Path(__file__).parents[2]
CALLBACK = "https://web.example/cb"
BYE = "https://web.example/bye"
VERIFIER = secrets.token_urlsafe(48)
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def web(pair: Pair) -> tuple[str, str]:
    """A confidential web client: its id and its secret."""
    client_id = f"web-{secrets.token_hex(4)}"
    made = pair.operate(
        *("client", "create", "--client-id", client_id, "--grant", "authorization_code", "--grant", "refresh_token"),
        *("--redirect-uri", CALLBACK, "--post-logout-redirect-uri", BYE),
        *("--scope", "openid profile email notes:read notes:write"),
    )
    return client_id, made["client_secret"]


def _request(pair: Pair, client_id: str, **more: str) -> str:
    parameters = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "scope": "openid profile notes:read",
        "state": "s-1",
        "nonce": "n-1",
        "resource": pair.api,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return f"{pair.issuer}/authorize?{urlencode({k: v for k, v in (parameters | more).items() if v})}"


def _answer(response: httpx2.Response) -> dict[str, str]:
    location = response.headers["location"]
    assert location.startswith(f"{CALLBACK}?"), location
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def _redeem(pair: Pair, web: tuple[str, str], code: str) -> Any:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    return call("POST", f"{pair.issuer}/token", form=form, basic=web)


def test_a_web_application_signs_somebody_in_and_calls_the_api(pair: Pair, web: tuple[str, str]) -> None:
    with FormBrowser(pair.issuer) as browser:
        answer = _answer(browser.sign_in(_request(pair, web[0]), "alice", pair.password))
    tokens = _redeem(pair, web, answer["code"])
    assert (answer["iss"], answer["state"], tokens.status) == (pair.issuer, "s-1", 200)

    claims = decode(tokens.body["id_token"])[1]
    assert (claims["aud"], claims["nonce"]) == (web[0], "n-1")
    assert pair.get("/notes", tokens.body["access_token"]).status == 200

    again = _redeem(pair, web, answer["code"])
    refused = call(
        "POST",
        f"{pair.issuer}/token",
        form={"grant_type": "refresh_token", "refresh_token": tokens.body["refresh_token"]},
        basic=web,
    )
    assert (again.status, again.body["error"]) == (400, "invalid_grant")
    assert (refused.status, refused.body["error"]) == (400, "invalid_grant")


def test_single_sign_on_silence_and_sign_out(pair: Pair, web: tuple[str, str]) -> None:
    with FormBrowser(pair.issuer) as browser:
        first = _answer(browser.sign_in(_request(pair, web[0], resource=""), "alice", pair.password))
        tokens = _redeem(pair, web, first["code"]).body
        userinfo = call("GET", f"{pair.issuer}/userinfo", token=tokens["access_token"])
        silent = _answer(browser.open(_request(pair, web[0], prompt="none")))
        query = urlencode({"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": BYE, "state": "b"})
        gone = browser.open(f"{pair.issuer}/end_session?{query}")
        after = _answer(browser.open(_request(pair, web[0], prompt="none")))

    assert (userinfo.status, userinfo.body["preferred_username"]) == (200, "alice")
    assert "code" in silent
    assert gone.headers["location"] == f"{BYE}?state=b"
    assert after["error"] == "login_required"


def test_a_pushed_request(pair: Pair, web: tuple[str, str]) -> None:
    sent = dict(parse_qs(urlsplit(_request(pair, web[0])).query))
    pushed = call("POST", f"{pair.issuer}/par", form={name: values[0] for name, values in sent.items()}, basic=web)
    address = f"{pair.issuer}/authorize?{urlencode({'client_id': web[0], 'request_uri': pushed.body['request_uri']})}"

    with FormBrowser(pair.issuer) as browser:
        answer = _answer(browser.sign_in(address, "alice", pair.password))

    assert pushed.status == 201
    assert _redeem(pair, web, answer["code"]).status == 200


def test_denying_goes_back_to_the_client(pair: Pair, web: tuple[str, str]) -> None:
    with FormBrowser(pair.issuer) as browser:
        page = browser.open(_request(pair, web[0], scope="openid email"))
        consent = browser.submit(page, username="eve", password=pair.password)
        answer = _answer(browser.submit(consent, action="deny"))

    assert answer["error"] == "access_denied"


def test_the_program_of_the_documentation_signs_somebody_in(pair: Pair) -> None:
    """`docs/authorization-code.md` shows these commands."""
    client_id = f"cli-{secrets.token_hex(4)}"
    pair.operate(
        *("client", "create", "--client-id", client_id, "--public", "--grant", "authorization_code", "--grant", "refresh_token"),
        *("--redirect-uri", "http://127.0.0.1/cb", "--scope", "openid profile notes:read offline_access"),
    )
    scope = "openid profile notes:read offline_access"
    program = [sys.executable, str(ROOT / "docs" / "demo" / "sign_in.py"), pair.issuer, client_id, scope]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as running, FormBrowser(pair.issuer) as browser:
        assert running.stdout is not None
        address = re.sub(r"^open ", "", running.stdout.readline()).strip()
        answer = browser.sign_in(address, "alice", pair.password)
        closed = httpx2.get(answer.headers["location"])
        told = running.stdout.read()

    assert closed.text == "You can close this window.\n"
    assert '"tokens": ["access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"]' in told
    assert '"preferred_username": "alice"' in told


def test_what_waits_survives_a_restart(pair: Pair, web: tuple[str, str]) -> None:
    with FormBrowser(pair.issuer) as browser:
        page = browser.open(_request(pair, web[0], state="s-2"))
        pair.auth.stop()
        pair.auth.start()
        consent_or_client = browser.submit(page, username="root", password=pair.password)
        answer = _answer(consent_or_client if consent_or_client.is_redirect else browser.submit(consent_or_client))

    assert (answer["state"], "code" in answer) == ("s-2", True)
    assert _redeem(pair, web, answer["code"]).status == 200
