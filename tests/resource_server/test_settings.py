"""Settings from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from resource_server.settings import PREFIX, TABLE, Settings, load_settings, shown
from shared.settings import SettingsError


def settings_of(**values: str) -> Settings:
    return load_settings({PREFIX + name: value for name, value in values.items()})


def faults_of(**values: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as error:
        settings_of(**values)
    return error.value.faults


def test_nothing_set_is_a_service_on_loopback() -> None:
    assert settings_of() == Settings(
        profile="rfc9068",
        issuer="http://localhost:8000",
        audience="http://localhost:8001",
        host=None,
        port=8001,
        metadata_url=None,
        cookie_origins=("http://localhost:8000", "http://localhost:8001"),
        insecure_http=False,
        algorithms=("RS256",),
        leeway=60,
        jwks_refresh=240.0,
        max_stale=86_400.0,
        state_dir=None,
        encrypted_tokens=False,
        silent_feed="open",
        require_snapshot=False,
        drain_seconds=0.0,
    )


def test_everything_set_arrives() -> None:
    settings = settings_of(
        ISSUER="https://id.example.com",
        AUDIENCE="https://notes.example.com",
        HOST="0.0.0.0",
        PORT="9001",
        METADATA_URL="http://auth-server:8000",
        INSECURE_HTTP="true",
        ALGORITHMS="RS256, ES256",
        LEEWAY="30",
        JWKS_REFRESH="1.5",
        MAX_STALE="900",
        STATE_DIR="state",
        DRAIN_SECONDS="1",
    )

    assert settings.algorithms == ("RS256", "ES256")
    assert settings.state_dir == Path("state")
    assert (settings.leeway, settings.jwks_refresh, settings.max_stale, settings.drain_seconds) == (30, 1.5, 900.0, 1.0)
    assert settings.guard().policy.leeway == 30


def test_off_loopback_it_drains_before_it_stops() -> None:
    assert settings_of(HOST="0.0.0.0").drain_seconds == 5.0
    assert settings_of(HOST="127.0.0.1").drain_seconds == 0.0


def test_all_faults_are_told_at_once() -> None:
    assert len(faults_of(PORT="x", LEEWAY="61", ALGORITHMS="HS256", ISSUER="nonsense")) == 4


@pytest.mark.parametrize(
    "values, word",
    [
        ({"ISSUER": "http://id.example.com"}, "INSECURE_HTTP"),
        ({"METADATA_URL": "http://auth-server:8000"}, "INSECURE_HTTP"),
        ({"MAX_STALE": "100"}, "1.25 x"),
        ({"JWKS_REFRESH": "80000"}, "1.25 x"),
        ({"LEEWAY": "90"}, "from 0 to 60"),
        ({"ALGORITHMS": "none"}, "one or more of"),
        ({"AUDIENCE": "notes"}, "absolute"),
        ({"AUDIENCES": "x"}, "did you mean RESOURCE_SERVER_AUDIENCE?"),
    ],
)
def test_a_fault_says_what_would_be_right(values: dict[str, str], word: str) -> None:
    assert word in faults_of(**values)[0]


def test_what_a_service_link_injects_is_a_warning() -> None:
    settings = settings_of(PORT="tcp://10.0.0.1:8001", SERVICE_HOST="10.0.0.1")

    assert settings.port == 8001
    assert len(settings.warnings) == 1


def test_every_row_is_shown_and_none_is_secret() -> None:
    values = shown(settings_of())

    assert set(values) == {PREFIX + row.name for row in TABLE}
    assert values["RESOURCE_SERVER_HOST"].startswith("loopback")
    assert not any(row.secret for row in TABLE)


@pytest.mark.parametrize(
    "value, origins",
    [("none", ()), ("https://shop.example", ("https://shop.example",)), ("https://a.example http://localhost:3000", None)],
)
def test_whose_pages_may_use_cookies_can_be_said(value: str, origins: tuple[str, ...] | None) -> None:
    assert settings_of(COOKIE_ORIGINS=value).cookie_origins == (tuple(value.split()) if origins is None else origins)


@pytest.mark.parametrize("value", ["shop.example", "https://shop.example/", "https://Shop.example", "none https://a.example"])
def test_what_no_browser_would_send_as_an_origin_is_a_fault(value: str) -> None:
    assert any(fault.startswith("RESOURCE_SERVER_COOKIE_ORIGINS: ") for fault in faults_of(COOKIE_ORIGINS=value))
