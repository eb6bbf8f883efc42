"""The seed flow: a password, once, for tokens."""

from __future__ import annotations

from tests.support.auth_app import Issuer


async def test_a_sign_in_answers_with_tokens(any_issuer: Issuer) -> None:
    answer = await any_issuer.login()

    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
