"""Settings of pages and mail: what is refused, and what is warned of."""

from __future__ import annotations

from pathlib import Path

import pytest

from auth_server.revocation.promise import promise
from auth_server.services.pages import build_page_kit
from auth_server.settings import load
from shared.settings import SettingsError


def loaded(**settings: str):
    return load({f"AUTH_SERVER_{name}": value for name, value in settings.items()})


def test_mail_on_a_console_that_others_may_read_is_warned_of() -> None:
    assert loaded().warnings == ()
    assert "AUTH_SERVER_SMTP_URL" in loaded(ISSUER="https://id.example").warnings[0]
    assert loaded(ISSUER="https://id.example", SMTP_URL="smtps://mail.example").warnings == ()


def test_the_sender_is_the_brand_at_the_issuers_host_unless_it_is_said() -> None:
    assert loaded(ISSUER="https://id.example", BRAND_NAME="Acme").mail_from == "Acme <no-reply@id.example>"
    assert loaded(MAIL_FROM="Accounts <a@b.example>").mail_from == "Accounts <a@b.example>"


@pytest.mark.parametrize(
    "name, value",
    [
        ("SMTP_URL", "mail.example"),
        ("SMTP_URL", "smtp://user:hunter2@mail.example/path"),
        ("SMTP_URL", "smtps://mail.example?tls=never"),
        ("SMTP_URL", "smtp://mail.example:port"),
        ("MAIL_FROM", "nobody"),
        ("MAIL_FROM", "A <a@b.example>, B <c@d.example>"),
        ("BRAND_COLOR", "red"),
        ("BRAND_NAME", "x" * 41),
        ("TERMS_URL", "javascript:alert(1)"),
        ("PRIVACY_URL", "http://plain.example"),
        ("REGISTRATION_DOMAINS", "exa mple,@x"),
    ],
)
def test_what_cannot_work_does_not_start(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        loaded(**{name: value})

    assert f"AUTH_SERVER_{name}" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_the_demonstrations_banner_is_for_this_machine_alone() -> None:
    with pytest.raises(SettingsError):
        loaded(ISSUER="https://id.example", DEMO="true")


def test_a_logo_that_cannot_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        build_page_kit(loaded(BRAND_LOGO=str(tmp_path / "none.png"), DATA_DIR=str(tmp_path)))


def test_pages_promise_what_commands_promise(tmp_path: Path) -> None:
    settings = loaded(ACCESS_TOKEN_LIFETIME="300", DATA_DIR=str(tmp_path))

    promises, bounds = build_page_kit(settings).promises, promise(settings.key_policy)

    assert (promises.soon_seconds, promises.latest_seconds) == (bounds.connected, bounds.cut_off) == (15, 360)
