"""Authlib: its bare session through every flow it has, and its Flask client as the relying party of `docs/openid-connect.md`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

import httpx2
import pytest

from docs.demo.servers import ROOT, answers, free_ports
from tests.interop.site import LOOPBACK, PROGRAMS, Site, a_key_pair, converse, wait_until

_DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
_CODE: Final = ("--grant", "authorization_code", "--grant", "refresh_token")


@pytest.fixture(scope="module")
def saw(site: Site, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the library saw: one process, all flows."""
    private, jwks = a_key_pair("k1")
    jwks_file = tmp_path_factory.mktemp("key") / "jwks.json"
    jwks_file.write_text(jwks, encoding="utf-8")
    key = ("--auth-method", "private_key_jwt", "--jwks-file", str(jwks_file), "--grant", "client_credentials")
    native = ("--public", *_CODE, "--redirect-uri", LOOPBACK, "--scope", "openid notes:read offline_access")
    service, secret = site.client("service", "--grant", "client_credentials", "--scope", "notes:read")
    environment = {
        "ISSUER": site.issuer,
        "API": site.pair.api,
        "NATIVE_ID": site.client("native", *native)[0],
        "SERVICE_ID": service,
        "SERVICE_SECRET": secret,
        "KEY_ID": site.client("key", *key, "--scope", "notes:read")[0],
        "KEY_JWK": private,
        "DEVICE_ID": site.client("tv", "--public", "--grant", _DEVICE, "--scope", "notes:read")[0],
    }
    return converse(site, [sys.executable, str(PROGRAMS / "authlib_flows.py")], environment)


def test_a_native_app_with_pkce_refreshes_and_revokes(saw: dict[str, Any]) -> None:
    assert saw["native"] == {"challenge": True, "notes": 200, "after": "invalid_grant"}


def test_a_service_gets_a_token_and_asks_about_it(saw: dict[str, Any]) -> None:
    assert saw["service"] == {
        "active": True,
        "client": saw["service"]["client"],
        "notes": 200,
        "after": {"active": False},
    }
    assert saw["service"]["client"].startswith("service-")


def test_a_key_proves_a_client_to_the_issuer_and_to_no_endpoint(saw: dict[str, Any]) -> None:
    """Authlib's default audience is the token endpoint; RFC 7523bis closed that door, and so did we."""
    assert saw["key"] == {"endpoint": "invalid_client", "issuer": "Bearer"}


def test_a_device_is_let_in(saw: dict[str, Any]) -> None:
    assert saw["device"] == {"waiting": "authorization_pending", "scope": "notes:read", "left": True}


@pytest.fixture(scope="module")
def relying_party(site: Site) -> Iterator[str]:
    """The program of the documentation, as a process."""
    (port,) = free_ports(1)
    address = f"http://localhost:{port}"
    client_id, secret = site.client(
        "shop", "--grant", "authorization_code", "--redirect-uri", f"{address}/callback", "--scope", "openid profile"
    )
    named = {"OIDC_ISSUER": site.issuer, "OIDC_CLIENT_ID": client_id, "OIDC_CLIENT_SECRET": secret}
    program = subprocess.Popen(
        [sys.executable, "-P", str(ROOT / "docs" / "examples" / "relying_party.py"), str(port)],
        env={**os.environ, **named},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: answers(address))
        yield address
    finally:
        program.terminate()
        program.wait(timeout=20)


def test_a_flask_application_signs_somebody_in(site: Site, relying_party: str) -> None:
    with httpx2.Client(timeout=20) as browser:
        begun = browser.get(f"{relying_party}/sign-in")
        back = browser.get(site.sign_in(begun.headers["location"]))
        home = browser.get(back.url.join(back.headers["location"]))

    assert json.loads(home.text)["name"] == "alice"


def test_an_answer_from_somebody_elses_browser_is_not_taken(site: Site, relying_party: str) -> None:
    """The library compares `state` with its session; that it gets one to compare is ours."""
    with httpx2.Client(timeout=20) as victim, httpx2.Client(timeout=20) as attacker:
        begun = attacker.get(f"{relying_party}/sign-in")
        assert victim.get(site.sign_in(begun.headers["location"])).status_code == 500
        assert victim.get(relying_party).text == "nobody is signed in"
