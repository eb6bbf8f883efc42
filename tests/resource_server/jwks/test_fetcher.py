"""One bounded GET, against a server that does not play by the rules. Real sockets on loopback."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler

import pytest

from resource_server.jwks.fetcher import MAX_BYTES, FetchFailed, check_url, fetch
from tests.resource_server.support import IssuerServer, Reply

PAUSE = threading.Event()
# Set when somebody listened to the very end of what takes a minute and a half.
TO_THE_END = threading.Event()


def test_a_good_answer_comes_whole_with_its_validator(issuer: IssuerServer) -> None:
    issuer.replies["/x"] = Reply(b"body", headers={"ETag": '"1"'})

    answer = fetch(f"{issuer.url}/x")

    assert (answer.body, answer.etag) == (b"body", '"1"')
    sent = issuer.seen_headers[-1]
    assert sent["cache-control"] == "no-cache"
    assert sent["accept-encoding"] == "identity"
    assert "if-none-match" not in sent
    assert sent["host"] == issuer.url.removeprefix("http://")


def test_not_modified_keeps_the_copy_at_hand(issuer: IssuerServer) -> None:
    issuer.replies["/x"] = Reply(status=304)

    assert fetch(f"{issuer.url}/x", etag='"1"').body is None
    assert issuer.seen_headers[-1]["if-none-match"] == '"1"'


def test_not_modified_without_a_copy_is_a_failure(issuer: IssuerServer) -> None:
    issuer.replies["/x"] = Reply(status=304)

    with pytest.raises(FetchFailed):
        fetch(f"{issuer.url}/x")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(issuer: IssuerServer, status: int) -> None:
    issuer.replies["/x"] = Reply(status=status, headers={"Location": f"{issuer.url}/jwks"})

    with pytest.raises(FetchFailed, match="redirect"):
        fetch(f"{issuer.url}/x")
    assert issuer.times("/jwks") == []


@pytest.mark.parametrize("status", [201, 204, 400, 401, 403, 404, 429, 500, 503])
def test_anything_but_200_is_a_failure(issuer: IssuerServer, status: int) -> None:
    issuer.replies["/x"] = Reply(status=status)

    with pytest.raises(FetchFailed) as failure:
        fetch(f"{issuer.url}/x")
    assert failure.value.status == status


@pytest.mark.parametrize("value, seconds", [("7", 7.0), ("0", 0.0), ("x", None), ("", None), ("-1", None), ("Wed, 99", None)])
def test_retry_after_is_told(issuer: IssuerServer, value: str, seconds: float | None) -> None:
    issuer.replies["/x"] = Reply(status=429, headers={"Retry-After": value})

    with pytest.raises(FetchFailed) as failure:
        fetch(f"{issuer.url}/x")
    assert failure.value.retry_after == seconds


def test_retry_after_may_be_a_date(issuer: IssuerServer) -> None:
    issuer.replies["/x"] = Reply(status=503, headers={"Retry-After": "Thu, 01 Jan 2099 00:00:00 GMT"})

    with pytest.raises(FetchFailed) as failure:
        fetch(f"{issuer.url}/x")
    assert (failure.value.retry_after or 0) > 1e9


def test_the_bound_of_size_is_exact(issuer: IssuerServer) -> None:
    issuer.replies["/fits"] = Reply(b"x" * MAX_BYTES)
    issuer.replies["/large"] = Reply(b"x" * (MAX_BYTES + 1))

    assert len(fetch(f"{issuer.url}/fits").body or b"") == MAX_BYTES
    with pytest.raises(FetchFailed, match="more than"):
        fetch(f"{issuer.url}/large")


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(10_000):
        handler.wfile.write(b"x" * 10_000)


def test_an_endless_answer_is_cut_at_the_bound(issuer: IssuerServer) -> None:
    issuer.replies["/x"] = Reply(act=endless)

    with pytest.raises(FetchFailed, match="more than"):
        fetch(f"{issuer.url}/x")


def drip(handler: BaseHTTPRequestHandler) -> None:
    """A byte now and then, for long: no single read ever takes long."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(900):
        handler.wfile.write(b" ")
        PAUSE.wait(0.1)
    TO_THE_END.set()


def drip_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for i in range(900):
        handler.wfile.write(b"X-%d: y\r\n" % i)
        PAUSE.wait(0.1)
    TO_THE_END.set()


@pytest.mark.parametrize("act", [drip, drip_headers])
def test_the_time_bound_is_on_the_whole_exchange(issuer: IssuerServer, act) -> None:
    issuer.replies["/x"] = Reply(act=act)

    with pytest.raises(FetchFailed, match="not done within"):
        fetch(f"{issuer.url}/x", total_seconds=0.2)
    assert not TO_THE_END.is_set()


def test_a_server_that_says_nothing_is_given_up(issuer: IssuerServer) -> None:
    issuer.open.clear()

    with pytest.raises(FetchFailed, match="not done within"):
        fetch(f"{issuer.url}/x", total_seconds=0.1)


def short(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}")


def garbled(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\x00\x01\x02 what\r\n\r\n")


def nothing(_handler: BaseHTTPRequestHandler) -> None:
    return


def many_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n{}")


@pytest.mark.parametrize("act", [short, garbled, nothing, many_headers])
def test_a_broken_answer_is_a_failure(issuer: IssuerServer, act) -> None:
    issuer.replies["/x"] = Reply(act=act)

    with pytest.raises(FetchFailed):
        fetch(f"{issuer.url}/x")


def test_a_compressed_answer_is_a_failure(issuer: IssuerServer) -> None:
    issuer.replies["/x"] = Reply(b"\x1f\x8b", headers={"Content-Encoding": "gzip"})

    with pytest.raises(FetchFailed, match="compressed"):
        fetch(f"{issuer.url}/x")


def test_nobody_there_is_a_failure() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(FetchFailed, match="cannot connect: Connection refused"):
            fetch(f"http://127.0.0.1:{port}/x")


def test_plain_http_where_tls_is_asked_for_is_a_failure(issuer: IssuerServer) -> None:
    with pytest.raises(FetchFailed):
        fetch(issuer.url.replace("http:", "https:") + "/x", total_seconds=1)


@pytest.mark.parametrize(
    "url", ["https://id.example.com/jwks", "http://localhost:1/x", "http://127.0.0.1/x", "http://[::1]:8000/x"]
)
def test_addresses_that_keys_may_come_from(url: str) -> None:
    check_url(url, insecure_http=False)


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example.com/jwks",
        "http://localhost.evil.example/jwks",
        "http://127.0.0.1.evil.example/jwks",
        "file:///etc/passwd",
        "ftp://id.example.com/jwks",
        "data:application/json,{}",
        "//id.example.com/jwks",
        "https://",
        "https:///jwks",
        "jwks",
        "",
    ],
)
def test_addresses_that_keys_may_not_come_from(url: str) -> None:
    """CVE-2026-48522 of another library: the scheme was not looked at."""
    with pytest.raises(ValueError, match=r"\w"):
        check_url(url, insecure_http=False)
    with pytest.raises(FetchFailed):
        fetch(url)


def test_plain_http_elsewhere_needs_a_word_of_the_operator() -> None:
    check_url("http://auth-server:8000/jwks", insecure_http=True)
    with pytest.raises(ValueError, match="https"):
        check_url("file:///x", insecure_http=True)
