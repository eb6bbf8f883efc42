"""The catalogues: the same ids in every language, the same names to fill in, and none that nothing uses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.accounts.letters import Kind
from auth_server.interaction.own_account import CHANGES, SIGN_INS
from auth_server.languages.catalogue import DEFAULT, LANGUAGES, catalogue
from auth_server.languages.rules import choose_language
from auth_server.web.failures import Kind as Failure

SOURCE = Path(__file__).parents[3] / "auth_server"
# Ids that are put together: by prefix, and what stands behind it.
COMPOSED = (
    *(
        f"{about}.{unit}.{form}"
        for about in ("duration", "ago")
        for unit in ("days", "hours", "minutes")
        for form in ("one", "other")
    ),
    *(f"duration.seconds.{form}" for form in ("one", "other")),
    *(f"month.{number}" for number in range(1, 13)),
    *(f"theme.{name}" for name in ("auto", "light", "dark")),
    *(f"mail.{kind}.{part}" for kind in Kind for part in ("subject", "body")),
    *(f"event.{name}" for name in (*SIGN_INS, *CHANGES)),
    *(f"error.{kind}.{part}" for kind in Failure for part in ("title", "lead")),
    *(f"account.tab.{tab}" for tab in ("profile", "password", "sessions", "apps", "activity")),
    *(f"activity.filter.{name}" for name in ("all", "sign_ins", "changes")),
    *(f"scope.{name}" for name in ("openid", "profile", "email", "address", "phone", "offline_access")),
    *(f"register.{why}.{part}" for why in ("closed", "invite") for part in ("title", "lead")),
    *(f"link.{why}.{part}" for why in ("used", "expired") for part in ("title", "lead")),
    *(f"verify.{what}.{part}" for what in ("done", "half", "taken") for part in ("title", "lead")),
    *(f"device.{what}.{part}" for what in ("approved", "denied") for part in ("title", "lead")),
)


def names_in(message: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", message))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_id_exists_in_every_language_with_the_same_names_to_fill_in(language: str) -> None:
    original, translated = catalogue(DEFAULT).messages, catalogue(language).messages

    assert translated.keys() == original.keys()
    # "One day" may be said without its number.
    different = [key for key in original if names_in(original[key]) != names_in(translated[key]) and not key.endswith(".one")]
    assert different == []
    assert [key for key, text in translated.items() if not text.strip()] == []


def test_every_id_that_is_asked_for_exists_and_every_one_that_exists_is_asked_for() -> None:
    files = [*SOURCE.rglob("*.py"), *SOURCE.rglob("*.html")]
    asked = set(COMPOSED)
    known = catalogue(DEFAULT).messages.keys()
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    asked |= {key for key in known if f'"{key}"' in text or f"'{key}'" in text}
    in_templates = set(re.findall(r"""\b[th]\(["']([a-z_.]+)["']""", text))

    assert known - asked == set()
    assert (set(COMPOSED) | in_templates) - known == set()


def test_no_language_is_a_copy_of_another() -> None:
    """A translation that was forgotten would be the original's text; names and months may be the same."""
    original = catalogue(DEFAULT).messages
    for language in LANGUAGES.keys() - {DEFAULT}:
        same = [key for key, text in catalogue(language).messages.items() if text == original[key] and len(text) > 12]
        assert same == [], language


@pytest.mark.parametrize(
    "seconds, text",
    [(1, "1 second"), (15, "15 seconds"), (0.2, "1 second"), (60, "60 seconds"), (62, "62 seconds"), (660, "11 minutes")],
)
def test_durations_are_exact(seconds: float, text: str) -> None:
    assert catalogue("en").duration(seconds) == text


@pytest.mark.parametrize("seconds, text", [(3600, "1 hour"), (86_400, "1 day"), (7 * 86_400, "7 days"), (690, "690 seconds")])
def test_durations_are_in_the_largest_unit_that_fits(seconds: float, text: str) -> None:
    assert catalogue("en").duration(seconds) == text


def test_times_are_told_in_utc_because_a_page_does_not_know_where_it_is_read() -> None:
    assert catalogue("de").moment(1_764_158_400_000) == "26. November 2025, 12:00 UTC"


@pytest.mark.parametrize(
    "ui_locales, setting, header, language",
    [
        (None, None, None, "en"),
        (None, None, "fr, de;q=0.5, en;q=0.4", "de"),
        (None, None, "de;q=0, en;q=0.1", "en"),
        (None, "he", "de", "he"),
        ("de-CH fr", "he", "en", "de"),
        ("tlh", "he", "en", "he"),
        (None, None, "iw-IL", "he"),
        ('"><script>', None, "*;q=0.1", "en"),
    ],
)
def test_what_the_request_asks_for_comes_first_then_the_person_then_the_browser(
    ui_locales: str | None, setting: str | None, header: str | None, language: str
) -> None:
    assert choose_language(ui_locales=ui_locales, chosen=None, setting=setting, accept_language=header) == language


@given(st.text(max_size=60), st.text(max_size=60))
def test_nobody_can_ask_for_what_is_not_there(ui_locales: str, header: str) -> None:
    assert choose_language(ui_locales=ui_locales, chosen=None, setting=None, accept_language=header) in LANGUAGES
