"""Which registrations make sense."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.clients.metadata import RegistrationRules, faults, redirect_uri_fault
from tests.support.builders import a_client, a_public_client

RULES = RegistrationRules(frozenset({"client_credentials", "refresh_token"}), frozenset({"none", "client_secret_basic"}))


@pytest.mark.parametrize("client_id", ["billing", "a", "https://app.example/client", "1.2_3~4:5", "x" * 200])
def test_an_ordinary_registration_has_no_fault(client_id: str) -> None:
    assert faults(a_client(client_id, redirect_uris=("https://app.example/cb",)), RULES) == []


@pytest.mark.parametrize("client_id", ["", " ", "-a", ".a", "a b", "ä", "a\n", "a\x00", "x" * 201, "a%", 'a"'])
def test_a_name_that_could_be_misread_is_a_fault(client_id: str) -> None:
    assert len(faults(a_client(client_id), RULES)) == 1


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{21}", fullmatch=True))
def test_no_client_is_named_like_a_person(client_id: str) -> None:
    """RFC 9068 section 5: the sub of a client's token is its client_id."""
    assert faults(a_client(client_id), RULES)


def test_the_built_in_client_cannot_be_registered() -> None:
    assert faults(a_public_client("first-party"), RULES)


@pytest.mark.parametrize(
    "changes, word",
    [
        ({"grants": frozenset({"password"})}, "password"),
        ({"auth_method": "client_secret_jwt"}, "client_secret_jwt"),
        ({"scope": frozenset({'no"tes'})}, "scope"),
        ({"redirect_uris": ("http://app.example/cb",)}, "https"),
        ({"post_logout_redirect_uris": ("javascript:alert(1)",)}, "https"),
    ],
)
def test_each_fault_is_told(changes: dict[str, object], word: str) -> None:
    (fault,) = faults(a_client(**changes), RULES)

    assert word in fault


def test_a_public_client_cannot_act_for_itself() -> None:
    assert len(faults(a_public_client(grants=frozenset({"client_credentials"})), RULES)) == 1


def test_all_faults_are_told_at_once() -> None:
    client = a_client("", grants=frozenset({"x"}), auth_method="y", scope=frozenset({"\\"}), redirect_uris=("z",))

    assert len(faults(client, RULES)) == 5


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/cb",
        "https://app.example:8443/cb?x=1",
        "http://127.0.0.1/cb",
        "http://localhost:3000/cb",
        "http://[::1]/cb",
        "com.example.app:/cb",
        "com.example.app://cb",
    ],
)
def test_safe_redirect_uris_are_accepted(uri: str) -> None:
    assert redirect_uri_fault(uri) is None


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/cb",
        "//app.example/cb",
        "app.example/cb",
        "http://app.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://localhost.evil.example/cb",
        "https:///cb",
        "https://user@app.example/cb",
        "https://@app.example/cb",
        "https://app.example/cb#f",
        "https://app.example/cb#",
        "https://*.example/cb",
        "https://app.example\\@evil.example/cb",
        "https://app.example/c b",
        "https://app.example/cb\n",
        "https://äpp.example/cb",
        "https://app.example:port/cb",
        "https://app.example:99999/cb",
        "https://[::1/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "myapp:/cb",
        "https:cb",
    ],
)
def test_unsafe_redirect_uris_are_not(uri: str) -> None:
    assert redirect_uri_fault(uri)


@given(st.text() | st.from_regex(r"[a-z.+-]*:/?/?[\[\]a-z0-9@:.\\#?*%-]*", fullmatch=True))
def test_any_text_has_a_fault_or_none(uri: str) -> None:
    fault = redirect_uri_fault(uri)

    assert fault is None or fault
