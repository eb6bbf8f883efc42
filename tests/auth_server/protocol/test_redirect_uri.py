"""Redirect URIs: what a page may end at, and what a person is told of it."""

from __future__ import annotations

import pytest

from auth_server.protocol.redirect_uri import form_action_source, is_registered, proves_its_client, shown_host


@pytest.mark.parametrize(
    "uri, source, host",
    [
        ("https://app.example/cb?x=1", "https://app.example", "app.example"),
        ("https://app.example:8443/cb", "https://app.example:8443", "app.example:8443"),
        ("http://127.0.0.1:51004/cb", "http://127.0.0.1:51004", "127.0.0.1:51004"),
        ("http://[::1]:51004/cb", "http:", "[::1]:51004"),
        ("com.example.app:/cb", "com.example.app:", "com.example.app:"),
    ],
)
def test_where_an_answer_goes(uri: str, source: str, host: str) -> None:
    assert (form_action_source(uri), shown_host(uri)) == (source, host)


def test_only_https_proves_its_client() -> None:
    assert proves_its_client("https://app.example/cb")
    assert not proves_its_client("http://127.0.0.1/cb")
    assert not proves_its_client("com.example.app:/cb")


def test_the_port_of_loopback_is_free_for_both_families() -> None:
    assert is_registered("http://[::1]:1/cb", ("http://[::1]/cb",))
    assert is_registered("http://127.0.0.1/cb", ("http://127.0.0.1:8080/cb",))
    assert not is_registered("http://[::1]:1/cb", ("http://127.0.0.1/cb",))
    assert not is_registered("http://127.0.0.1:123456/cb", ("http://127.0.0.1/cb",))
