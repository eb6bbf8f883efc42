"""User names and addresses: what is acceptable, and which two are the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.accounts.names import MAX_EMAIL, MAX_USERNAME, fold, key_at_sign_in, parse_email, parse_username


@pytest.mark.parametrize(
    "text", ["a", "alice", "Alice.B-C_9", "7of9", "josé", "дмитрий", "山田-taro", "ナカムラー", "김철수", "हिन्दी", "a" * 64]
)
def test_names_of_all_scripts_are_acceptable(text: str) -> None:
    assert parse_username(text).shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a" * 65,
        " alice",
        "alice ",
        "al ice",
        "al\u00a0ice",
        "alice@example.com",
        "alice\uff20example",
        "alice\0",
        "al\tice",
        "al\u200dice",
        "al\u202eice",
        "al\ufeffice",
        "\ud800",
        ".alice",
        "-alice",
        "\u0301alice",
        "al/ice",
        "al+ice",
        "<alice>",
        "alice\U0001f600",
        "\u0251\u0430dmin",
        "\u0430dmin",
        "adm\u03b9n",
        "x" * 10_000,
    ],
)
def test_what_could_mislead_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"has 1 to 64|begins with|does not mix"):
        parse_username(text)


@pytest.mark.parametrize(
    "one, other",
    [
        ("Alice", "alice"),
        ("ＡＬＩＣＥ", "alice"),
        ("Straße", "STRASSE"),
        ("ﬁsh", "FISH"),
        ("e\u0301ric", "éric"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ],
)
def test_names_that_differ_in_case_or_compatibility_alone_are_the_same(one: str, other: str) -> None:
    assert parse_username(one).key == parse_username(other).key


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=80))
def test_an_accepted_name_is_found_again_and_is_no_address(text: str) -> None:
    """What was accepted is accepted as it is shown, has the same key however it is typed, and cannot shadow an address."""
    try:
        name = parse_username(text)
    except ValueError:
        return

    assert parse_username(name.shown) == name
    assert key_at_sign_in(name.shown) == key_at_sign_in(text) == name.key
    assert "@" not in name.key
    assert 1 <= len(name.shown) <= MAX_USERNAME


@pytest.mark.parametrize(
    "text", ["a@b", "alice@example.com", "O'Brien+news@mail.example.org", "用户@例子.广告", "x" * 64 + "@example.com"]
)
def test_addresses_are_acceptable(text: str) -> None:
    assert parse_email(text).shown == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "alice",
        "alice@",
        "@example.com",
        "a@b@c",
        "a@b\uff20c",
        "a b@example.com",
        " a@example.com",
        "a@example.com\n",
        "a\r\nBcc: b@example.com",
        "a@exa\0mple.com",
        "a@.example.com",
        "a@example..com",
        "a@example.com.",
        "<a@example.com>",
        '"a"@example.com',
        "a,b@example.com",
        "a@\u202eexample.com",
        "\ud800@example.com",
        "x" * 65 + "@example.com",
        "a@" + "x" * MAX_EMAIL,
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a mail address"):
        parse_email(text)


@given(st.emails() | st.text(max_size=40))
def test_the_key_of_an_address_has_exactly_one_at_sign(text: str) -> None:
    try:
        email = parse_email(text)
    except ValueError:
        return

    assert email.key.count("@") == 1
    assert key_at_sign_in(email.shown) == email.key


@pytest.mark.parametrize("text", ["", "   ", "a\0b", "a\nb", "\ud800", "x" * 255, "a\u202eb"])
def test_what_nobody_can_be_called_has_no_key(text: str) -> None:
    assert key_at_sign_in(text) is None


def test_spaces_around_a_typed_name_do_not_matter() -> None:
    """A phone's keyboard adds one after a completed word."""
    assert key_at_sign_in(" Alice ") == "alice"
