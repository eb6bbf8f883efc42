"""The policy questions that can be asked of a client."""

from __future__ import annotations

import pytest

from tests.support.builders import a_client, a_public_client


@pytest.mark.parametrize(
    "auth_method, choice, rotates",
    [
        ("none", None, True),
        ("client_secret_basic", None, False),
        ("client_secret_basic", True, True),
        ("none", False, False),
    ],
)
def test_public_clients_rotate_and_others_do_not_unless_the_operator_says_so(
    auth_method: str, choice: bool | None, rotates: bool
) -> None:
    assert a_client(auth_method=auth_method, rotates_refresh_tokens=choice).rotates is rotates


def test_a_client_may_use_what_it_is_registered_for_alone() -> None:
    client = a_public_client()

    assert client.may_use("refresh_token")
    assert not client.may_use("client_credentials")


def test_neither_a_client_nor_its_secret_shows_a_digest() -> None:
    client = a_client()

    assert repr(client.secrets[0].digest) not in repr(client)
