"""How each authentication method finds its proof in a request, and what it makes of an odd one."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.client_auth.client_secret_basic import ClientSecretBasic
from auth_server.client_auth.client_secret_post import ClientSecretPost
from auth_server.client_auth.contract import Presented, Proof
from auth_server.client_auth.none import PublicClient
from auth_server.protocol.errors import InvalidClient
from tests.support.auth_app import basic
from tests.support.builders import NOW, SECRET, a_client, a_form, a_public_client

NOTHING = a_form()


def _basic(value: bytes | str) -> Presented:
    raw = value.encode() if isinstance(value, str) else value
    return Presented(NOTHING, b"Basic " + base64.b64encode(raw))


@given(st.text(min_size=1).filter(str.isprintable), st.text(max_size=60))
def test_name_and_secret_are_form_encoded_before_they_are_joined(name: str, secret: str) -> None:
    """RFC 6749 section 2.3.1: so both may hold a colon."""
    presented = Presented(NOTHING, basic(name, secret).encode())

    assert ClientSecretBasic().find(presented) == Proof(name, secret)


@given(st.binary(max_size=80))
def test_any_header_is_a_proof_or_a_refusal(header: bytes) -> None:
    for value in (header, b"Basic " + header, b"Basic " + base64.b64encode(header)):
        try:
            found = ClientSecretBasic().find(Presented(NOTHING, value))
        except InvalidClient:
            continue
        assert found is not None
        assert found.client_id.isprintable()


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"Basic", id="nothing behind the scheme"),
        pytest.param(b"Bearer abc", id="another scheme"),
        pytest.param(b"Basic !!!", id="not base64"),
        pytest.param(b"Basic YXBw", id="no colon"),
        pytest.param(b"Basic Onh4", id="no name"),
        pytest.param(b"Basic YXBwOnM", id="no padding"),
        pytest.param(b"Basic " + base64.b64encode(b"app:%ff"), id="escaped, not UTF-8"),
        pytest.param(b"Basic " + base64.b64encode(b"app:\xff"), id="not UTF-8"),
        pytest.param(b"Basic " + base64.b64encode(b"a%00p:s"), id="NUL in the name"),
        pytest.param(b"Basic " + base64.b64encode(b"app:" + b"s" * 4000), id="too long"),
    ],
)
def test_a_malformed_header_is_an_invalid_client(header: bytes) -> None:
    with pytest.raises(InvalidClient):
        ClientSecretBasic().find(Presented(NOTHING, header))


@pytest.mark.parametrize("scheme", ["basic", "BASIC"])
def test_the_scheme_has_no_case(scheme: str) -> None:
    header = basic("app", "s").replace("Basic", scheme).encode()

    assert ClientSecretBasic().find(Presented(NOTHING, header)) == Proof("app", "s")


def test_the_body_may_repeat_the_name_and_name_nobody_else() -> None:
    header = basic("app", "s").encode()

    assert ClientSecretBasic().find(Presented(a_form(client_id="app"), header)) == Proof("app", "s")
    with pytest.raises(InvalidClient):
        ClientSecretBasic().find(Presented(a_form(client_id="other"), header))


def test_each_method_finds_nothing_where_there_is_nothing_of_its_own() -> None:
    header = Presented(NOTHING, basic("app", "s").encode())
    body = Presented(a_form(client_id="app", client_secret="s"), None)
    name = Presented(a_form(client_id="app"), None)

    assert [ClientSecretBasic().find(presented) for presented in (body, name)] == [None, None]
    assert [ClientSecretPost().find(presented) for presented in (header, name)] == [None, None]
    assert [PublicClient().find(presented) for presented in (header, body)] == [None, None]
    assert ClientSecretPost().find(body) == Proof("app", "s")
    assert PublicClient().find(name) == Proof("app")


@pytest.mark.parametrize("method", [ClientSecretBasic(), ClientSecretPost()])
def test_a_secret_is_compared_and_nothing_else_counts(method: ClientSecretBasic | ClientSecretPost) -> None:
    assert method.is_proven(Proof("app", SECRET), a_client(), NOW)
    for wrong in ("", SECRET[:-1], SECRET + "x", SECRET.upper()):
        assert not method.is_proven(Proof("app", wrong), a_client(), NOW)


@pytest.mark.parametrize("secret", ["", SECRET, "anything"])
def test_a_client_without_a_secret_is_never_proven_by_one(secret: str) -> None:
    assert not ClientSecretBasic().is_proven(Proof("spa", secret), a_public_client(), NOW)


def test_a_proof_does_not_show_its_credential() -> None:
    assert SECRET not in repr(Proof("app", SECRET))
    assert "Basic" not in repr(Presented(NOTHING, b"Basic x"))
