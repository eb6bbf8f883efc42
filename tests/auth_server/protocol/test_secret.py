"""A secret does not show itself."""

from __future__ import annotations

import pytest

from auth_server.protocol.secret import Secret


def test_no_text_form_shows_the_value() -> None:
    secret = Secret("hunter2")

    assert "hunter2" not in f"{secret} {secret!r} {secret:>20} {secret}" + str([secret]) + "%s" % secret  # noqa: UP031
    assert secret.reveal() == "hunter2"


def test_secrets_are_compared_by_value_and_with_nothing_else() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


def test_a_secret_is_no_key_of_a_dictionary() -> None:
    with pytest.raises(TypeError):
        hash(Secret("a"))
