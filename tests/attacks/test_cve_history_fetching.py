"""What went wrong elsewhere with fetching keys: one test an incident, by its number in the list."""

from __future__ import annotations

import secrets
import socket
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from resource_server import Guard
from resource_server.jwks.clock import boot_seconds
from resource_server.settings import load_settings
from resource_server.verifier.errors import TokenRefused
from shared.settings import SettingsError
from tests.resource_server.api import Api, an_api
from tests.resource_server.feeds import warm_until_told
from tests.resource_server.support import AUDIENCE, Reply, a_guard, a_header, an_issuer, jwks, rs256, rsa_jwk, rsa_key, segment

ATTACKER = rsa_key("attacker")
NOT_HTTPS = [
    "file:///etc/passwd",
    "ftp://id.example.com/jwks",
    "data:application/json,{}",
    "http://id.example.com",
    "gopher://x",
    "//id.example.com",
    "id.example.com",
    "javascript:1",
    "https://",
    "unix:/run/x",
]


@pytest.mark.parametrize("url", NOT_HTTPS)
def test_cve_09_no_other_scheme_than_https(url: str) -> None:
    """CVE-2026-48522: `file:`, `ftp:` and `data:` were fetched."""
    with pytest.raises(ValueError):
        Guard(issuer=url, audience=AUDIENCE)
    with pytest.raises(ValueError):
        Guard(issuer="https://id.example.com", audience=AUDIENCE, metadata_url=url)
    for name in ("ISSUER", "METADATA_URL"):
        with pytest.raises(SettingsError):
            load_settings({f"RESOURCE_SERVER_{name}": url})


def test_cve_09_plain_http_needs_loopback_or_the_operators_word() -> None:
    load_settings({"RESOURCE_SERVER_ISSUER": "http://127.0.0.1:8000"})
    load_settings({"RESOURCE_SERVER_ISSUER": "http://auth:8000", "RESOURCE_SERVER_INSECURE_HTTP": "true"})
    with pytest.raises(SettingsError):
        load_settings({"RESOURCE_SERVER_ISSUER": "ftp://auth", "RESOURCE_SERVER_INSECURE_HTTP": "true"})


@pytest.mark.parametrize("url", NOT_HTTPS)
def test_cve_09_nor_where_the_metadata_document_says_so(url: str) -> None:
    with an_api() as api:
        api.issuer.describe(jwks_uri=url)

        assert not warm_until_told(api.guard).ready
        assert api.ask(api.token()).status == 503


def cut_short(handler: BaseHTTPRequestHandler) -> None:
    body = jwks(rsa_jwk("evil", ATTACKER))
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[:-10])


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


BAD = {
    "500": Reply(status=500),
    "503": Reply(b"later", 503, {"Retry-After": "1"}),
    "truncated": Reply(act=cut_short),
    "no answer": Reply(act=hang_up),
    "empty": Reply(b""),
    "HTML": Reply(b"<!doctype html><title>Sign in</title>"),
    "no keys": Reply(b'{"keys":[]}'),
    "null": Reply(b"null"),
}


@pytest.mark.parametrize("case", BAD)
def test_cve_11_a_bad_answer_rejects_nobody(case: str) -> None:
    """CVE-2026-48524: a failed fetch wiped the cache."""
    now = [boot_seconds()]
    with an_api(monotonic=lambda: now[0]) as api:
        api.accepts(api.token())
        api.issuer.replies["/jwks"] = BAD[case]
        for _ in range(10):
            now[0] += 400
            api.accepts(api.token(jti=secrets.token_hex(4)))
            assert api.ask(api.token(a_header(kid="evil"), rs256(ATTACKER))).status == 503
        assert api.guard.statistics()["failed_fetches"] >= 1


def test_cve_11_an_issuer_that_never_answers_rejects_nobody() -> None:
    now = [boot_seconds()]
    with an_api(monotonic=lambda: now[0]) as api:
        api.accepts(api.token())
        api.issuer.open.clear()
        for _ in range(10):
            now[0] += 400
            api.accepts(api.token(jti=secrets.token_hex(4)))


def test_cve_11_ten_thousand_unknown_kids_in_thirty_seconds_cost_six_fetches() -> None:
    now = [boot_seconds()]
    with an_api(monotonic=lambda: now[0]) as api:
        api.accepts(api.token())
        asked = len(api.issuer.times())
        tail = b"." + segment(api.claims()) + b"." + b"A" * 342
        for number in range(10_000):
            now[0] += 30 / 10_000
            with pytest.raises(TokenRefused) as refused:
                api.guard.verify(segment(a_header(kid=f"k{number}")) + tail)
            assert refused.value.reason == "unknown_key"

        assert len(api.issuer.times()) - asked <= 6
        api.accepts(api.token(jti="after"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_cve_14_redirects_are_failures_and_the_keys_are_kept(status: int) -> None:
    """CVE-2026-102267."""
    now = [boot_seconds()]
    with an_api(monotonic=lambda: now[0]) as api, an_issuer() as attacker:
        attacker.publish(rsa_jwk("evil", ATTACKER))
        api.accepts(api.token())
        api.issuer.replies["/jwks"] = Reply(status=status, headers={"Location": f"{attacker.url}/jwks"})
        now[0] += 400

        assert api.ask(api.token(a_header(kid="evil"), rs256(ATTACKER))).status == 503
        api.accepts(api.token(jti="other"))
        assert attacker.asked == []


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every outgoing connection of this process."""
    made: list[Any] = []
    connect = socket.socket.connect

    def watched(self: socket.socket, address: Any) -> None:
        made.append(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", watched)
    return made


BRINGING = ("jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256")


def forged(api: Api, member: str, url: str) -> bytes:
    brought = {"jwk": rsa_jwk("attacker", ATTACKER), "jku": f"{url}/jwks", "x5u": f"{url}/cert"}.get(member, ["MIIB"])
    return api.token(a_header(kid="attacker", **{member: brought}), rs256(ATTACKER))


@pytest.mark.parametrize("member", BRINGING)
def test_cve_28_a_key_that_the_token_brings_is_refused_without_a_connection(member: str, connections: list[Any]) -> None:
    """CVE-2018-0114."""
    with an_issuer() as attacker, an_api() as api:
        api.accepts(api.token())
        connections.clear()

        for _ in range(3):
            api.refuses(forged(api, member, attacker.url), "forbidden_header")
        assert connections == []


def test_cve_28_the_guard_of_connections_sees_one(connections: list[Any]) -> None:
    """Otherwise the test above would pass whatever happened."""
    with an_issuer() as issuer, a_guard(issuer) as guard:
        assert guard.warm(5).ready

    assert connections


@pytest.mark.parametrize("member", ["jku", "x5u"])
def test_cve_36_an_address_in_a_signed_request_is_not_followed(member: str, connections: list[Any]) -> None:
    """CVE-2024-21643. Here the signed request is an access token; assertions and proofs have their own door at the auth server."""
    with an_issuer() as attacker, an_api() as api:
        api.accepts(api.token())
        connections.clear()
        for address in (attacker.url, "http://169.254.169.254/", "file:///etc/passwd", "https://evil.example/jwks"):
            token = api.token(a_header(kid="attacker", **{member: address}), rs256(ATTACKER))
            api.refuses(token, "forbidden_header")

        assert connections == []
        assert attacker.asked == []
