"""What people paste in place of a token, by name."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_server.diagnosis import paste as paste_module
from resource_server.diagnosis.paste import tidy
from resource_server.diagnosis.report import Mistake
from tests.resource_server.support import a_token, segment

TOKEN = a_token().decode()
_SENTENCES = {value for value in vars(paste_module).values() if isinstance(value, Mistake)}


def test_a_bare_token_is_taken_as_it_is() -> None:
    assert tidy(f"{TOKEN}\n") == tidy(TOKEN)
    assert tidy(TOKEN).token == TOKEN
    assert tidy(TOKEN).mistakes == ()


PASTES = {
    f"Bearer {TOKEN}": ["bearer_prefix"],
    f"bearer   {TOKEN}": ["bearer_prefix"],
    f"Authorization: Bearer {TOKEN}": ["bearer_prefix"],
    f"authorization={TOKEN}": ["bearer_prefix"],
    f"access_token={TOKEN}": ["bearer_prefix"],
    f"__Host-access_token={TOKEN};": ["bearer_prefix", "quoted"],
    f'"access_token": "{TOKEN}",': ["quoted", "bearer_prefix"],
    f'"{TOKEN}"': ["quoted"],
    f"'{TOKEN}": ["quoted"],
    f'"Bearer {TOKEN}"': ["quoted", "bearer_prefix"],
    json.dumps({"access_token": TOKEN, "token_type": "Bearer"}): ["token_response"],
    f"{TOKEN[:40]}\n{TOKEN[40:]}": ["wrapped"],
    TOKEN.replace(".", "%2E"): ["percent_encoded"],
}


@pytest.mark.parametrize("number", range(len(PASTES)))
def test_what_is_around_a_token_is_named_and_taken_off(number: int) -> None:
    text, names = list(PASTES.items())[number]

    paste = tidy(text)

    assert paste.token == TOKEN
    assert [mistake.name for mistake in paste.mistakes] == names


@pytest.mark.parametrize(
    "text,name",
    [
        ("", "nothing_pasted"),
        ("  \n", "nothing_pasted"),
        ("rt1_AbCdEf", "refresh_token"),
        ("Bearer rt1_AbCdEf", "refresh_token"),
        ("3f2c9ad0", "opaque_token"),
        (TOKEN[:30], "truncated"),
        (TOKEN[:-60] + "...", "truncated"),
        (TOKEN.rpartition(".")[0], "truncated"),
        (TOKEN.rpartition(".")[0] + ".abcd", "truncated"),
        (TOKEN[:-60], "truncated"),
        ("a.b.c.d.e", "encrypted_token"),
    ],
)
def test_what_is_no_access_token_is_named(text: str, name: str) -> None:
    assert name in [mistake.name for mistake in tidy(text).mistakes]


@pytest.mark.parametrize("algorithm,signature", [("none", ""), ("HS256", "x" * 43), ("ES256", "x" * 86)])
def test_a_short_signature_is_whole_where_the_algorithm_has_such(algorithm: str, signature: str) -> None:
    token = f"{segment({'alg': algorithm, 'typ': 'at+jwt'}).decode()}.{TOKEN.split('.')[1]}.{signature}"

    assert tidy(token).mistakes == ()


@given(st.text() | st.text(alphabet="\"'{}Bearer .%2e\n"))
def test_any_text_is_tidied_and_none_is_repeated(text: str) -> None:
    paste = tidy(text)

    assert len(paste.token) <= len(text)
    # Sentences that were written before the text was known cannot repeat it.
    assert set(paste.mistakes) <= _SENTENCES
