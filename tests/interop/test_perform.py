"""`auth-server perform`: the demo client of the command line, as a process, against the running server."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from docs.demo.servers import ROOT
from tests.interop.site import LOOPBACK, Site

PROGRAM = [sys.executable, "-m", "auth_server", "perform"]
_CODE = ("--grant", "authorization_code", "--grant", "refresh_token")


@pytest.fixture(scope="module")
def native(site: Site) -> str:
    """A public client on somebody's own machine, which may also be a device."""
    device = "urn:ietf:params:oauth:grant-type:device_code"
    scope = "openid profile notes:read offline_access"
    return site.client("cli", "--public", *_CODE, "--grant", device, "--redirect-uri", LOOPBACK, "--scope", scope)[0]


def _start(site: Site, *words: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*PROGRAM, *words, "--issuer", site.issuer], cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )


def _address(lines: Any) -> str:
    """Read steps until one names an address to open."""
    for line in lines:
        if match := re.match(r"  (http\S+)$", line):
            return match[1]
    raise AssertionError("no address was printed")


def test_code_signs_a_person_in_and_shows_tokens_taken_apart(site: Site, native: str) -> None:
    with _start(site, "code", "--client-id", native, "--scope", "openid profile offline_access", "--json") as program:
        assert program.stderr is not None
        answer = site.sign_in(_address(program.stderr))
        closed = httpx2.get(answer)
        out, steps = program.communicate(timeout=60)
    told = json.loads(out)

    assert (program.returncode, closed.status_code) == (0, 200)
    assert told["tokens"]["access_token"]["header"]["typ"] == "at+jwt"
    assert told["tokens"]["id_token"]["claims"]["aud"] == native
    assert told["tokens"]["refresh_token"] == {"opaque": told["tokens"]["refresh_token"]["opaque"]}
    assert told["userinfo"]["preferred_username"] == "alice"
    # Neither a token nor the code that became one is anywhere in what was printed.
    assert "access_token" not in told
    assert not re.search(r"eyJ[\w-]+\.", out + steps)
    assert httpx2.URL(answer).params["code"] not in out + steps


def test_client_credentials_takes_the_secret_by_standard_input(site: Site) -> None:
    client_id, secret = site.client("batch", "--grant", "client_credentials", "--scope", "notes:read")
    words = (
        "client-credentials",
        "--client-id",
        client_id,
        "--client-secret-file",
        "-",
        "--scope",
        "notes:read",
        "--show-tokens",
    )
    with _start(site, *words, "--json") as program:
        out, steps = program.communicate(secret, timeout=60)
    told = json.loads(out)

    assert site.notes(told["access_token"]) == 200
    assert told["tokens"]["access_token"]["claims"]["client_id"] == client_id
    assert secret not in out + steps


def test_device_shows_a_code_and_waits_for_a_person(site: Site, native: str) -> None:
    with _start(site, "device", "--client-id", native, "--scope", "notes:read", "--resource", site.pair.api) as program:
        assert program.stdout is not None
        site.approve(_address(program.stdout))
        out, _ = program.communicate(timeout=60)

    assert program.returncode == 0
    assert '"aud": "' + site.pair.api in out


def test_a_refusal_is_told_with_the_servers_own_code(site: Site, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(secrets.token_hex(8), encoding="utf-8")
    words = ("client-credentials", "--client-id", "nobody", "--client-secret-file", str(tmp_path / "secret"), "--json")
    with _start(site, *words) as program:
        _, err = program.communicate(timeout=60)

    assert program.returncode == 1
    assert json.loads(err.splitlines()[-1])["error"] == "invalid_client"


def test_another_servers_answer_is_not_redeemed(site: Site, native: str) -> None:
    """RFC 9207: an answer that names another issuer, and one whose state is not ours."""
    for forged in ({"iss": "https://other.example", "code": "x"}, {"iss": site.issuer, "code": "x", "state": "other"}):
        with _start(site, "code", "--client-id", native, "--scope", "openid", "--json") as program:
            assert program.stderr is not None
            asked = httpx2.URL(_address(program.stderr)).params
            httpx2.get(asked["redirect_uri"], params={"state": asked["state"], **forged})
            _, err = program.communicate(timeout=60)
        assert program.returncode == 1
        assert json.loads(err.splitlines()[-1])["error"] == "wrong_answer"
