"""npm `openid-client`, a certified relying party, through every flow it has. Its packages are fetched when they are missing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from tests.interop.site import LOOPBACK, PROGRAMS, Site, a_key_pair, converse
from tests.support.databases import skip_or_fail
from tests.support.forms import FormBrowser

CALLBACK: Final = "https://web.example/cb"
BYE: Final = "https://web.example/bye"
_OLDEST_NODE: Final = 18
# Node 18, which Debian 12 ships, has WebCrypto and does not say so without being asked.
_WEBCRYPTO_UNASKED: Final = 20
_CODE: Final = ("--grant", "authorization_code", "--grant", "refresh_token")
_DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"


@pytest.fixture(scope="module")
def node() -> list[str]:
    """The words that run a program; skips, or fails with REQUIRE_ALL=1, without Node 18 or newer, npm, or the packages."""
    version = _version()
    if version is None or version < _OLDEST_NODE or shutil.which("npm") is None:
        skip_or_fail(f"Node {_OLDEST_NODE} or newer and npm were not found (node: {version})")
    if not _has_packages():
        words = ["npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        done = subprocess.run(words, cwd=PROGRAMS, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            skip_or_fail(f"npm could not fetch openid-client: {done.stderr[-300:]}")
    return ["node", *(["--experimental-global-webcrypto"] if version < _WEBCRYPTO_UNASKED else [])]


@pytest.fixture(scope="module")
def saw(site: Site, node: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the library saw: one process, all flows."""
    private, jwks = a_key_pair()
    jwks_file = tmp_path_factory.mktemp("key") / "jwks.json"
    jwks_file.write_text(jwks, encoding="utf-8")
    web, web_secret = site.client(
        *("web", *_CODE, "--redirect-uri", CALLBACK, "--post-logout-redirect-uri", BYE, "--require-pushed-requests"),
        *("--scope", "openid profile notes:read", "--introspects", site.pair.api),
    )
    service, service_secret = site.client(
        *("service", "--auth-method", "client_secret_post", "--grant", "client_credentials", "--grant", _EXCHANGE),
        *("--scope", "notes:read", "--exchange-audience", site.pair.api, "--exchange-from", web, "--introspects", site.pair.api),
    )
    key = ("--auth-method", "private_key_jwt", "--jwks-file", str(jwks_file), "--grant", "client_credentials")
    public = ("--public", *_CODE, "--redirect-uri", LOOPBACK, "--scope", "openid profile offline_access")
    environment = {
        "ISSUER": site.issuer,
        "API": site.pair.api,
        "CALLBACK": CALLBACK,
        "BYE": BYE,
        "PUBLIC_ID": site.client("native", *public)[0],
        "WEB_ID": web,
        "WEB_SECRET": web_secret,
        "KEY_ID": site.client("key", *key, "--scope", "notes:read")[0],
        "KEY_JWK": private,
        "DEVICE_ID": site.client("tv", "--public", "--grant", _DEVICE, "--scope", "openid notes:read")[0],
        "SERVICE_ID": service,
        "SERVICE_SECRET": service_secret,
    }
    return converse(site, [*node, "openid_client.mjs"], environment, cwd=PROGRAMS)


def test_a_native_app_signs_somebody_in_refreshes_and_revokes(saw: dict[str, Any]) -> None:
    assert saw["pkce"] is True
    assert saw["native"] == {"username": "alice", "refreshed": "string", "revoked": "invalid_grant"}


def test_a_web_application_pushes_its_request_and_calls_the_api(saw: dict[str, Any], site: Site) -> None:
    assert {name: value for name, value in saw["web"].items() if name != "sign_out"} == {
        "active": True,
        "audience": site.pair.api,
        "notes": 200,
    }


def test_the_address_it_makes_for_signing_out_leads_back_to_it(saw: dict[str, Any], site: Site) -> None:
    with FormBrowser(site.issuer) as browser:
        page = browser.open(saw["web"]["sign_out"])
        gone = page if page.is_redirect else browser.submit(page)

    assert gone.headers["location"].startswith(BYE)


def test_a_key_proves_a_client(saw: dict[str, Any]) -> None:
    assert saw["key"] == {"type": "bearer", "scope": "notes:read"}


def test_a_service_exchanges_a_token_and_ends_it(saw: dict[str, Any], site: Site) -> None:
    assert saw["service"] == {
        "type": "bearer",
        "exchanged": "urn:ietf:params:oauth:token-type:access_token",
        "actor": saw["service"]["actor"],
        "notes": 200,
        "after": False,
    }
    assert saw["service"]["actor"].startswith("service-")


def test_a_device_is_let_in(saw: dict[str, Any]) -> None:
    assert (saw["device"]["notes"], saw["device"]["sub"]) == (200, "string")


def test_a_client_registers_itself(saw: dict[str, Any], site: Site) -> None:
    assert saw["registered"] == {"method": "client_secret_basic", "issuer": site.issuer}


def test_what_is_installed_is_pinned_and_names_no_place() -> None:
    pinned = json.loads((PROGRAMS / "package.json").read_text(encoding="utf-8"))["dependencies"]

    assert "openid-client" in pinned
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in pinned.values())
    assert not list(PROGRAMS.glob("*lock*"))


def _version() -> int | None:
    if shutil.which("node") is None:
        return None
    done = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"v(\d+)", done.stdout)
    return int(found[1]) if done.returncode == 0 and found else None


def _has_packages() -> bool:
    pinned = json.loads((PROGRAMS / "package.json").read_text(encoding="utf-8"))["dependencies"]
    return all(_installed(PROGRAMS / "node_modules" / name / "package.json") == version for name, version in pinned.items())


def _installed(package: Path) -> str | None:
    return str(json.loads(package.read_text(encoding="utf-8"))["version"]) if package.exists() else None
