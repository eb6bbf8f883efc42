"""Settings: all faults at once, helpful, and never a secret in them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import settings
from shared.settings import Loaded, Setting, SettingsError

TABLE = (
    Setting("PORT", settings.whole(0, 65_535), 8000, "port"),
    Setting("HOST", settings.text, "127.0.0.1", "address"),
    Setting("LEEWAY", settings.seconds(0, 60), 60, "seconds"),
    Setting("MODE", settings.choice("open", "closed"), None, "mode", default_text="open on loopback"),
    Setting("KEYS", settings.words, None, "keys", secret=True, default_text="made"),
    Setting("PIN", settings.whole(0, 9), None, "a secret that may be malformed", secret=True),
    Setting("STRICT", settings.boolean, False, "strict"),
)
FILES = {"/run/keys": "first second\n", "/run/empty": "\n", "/run/crlf": "word\r\n"}


def _read(path: str) -> str:
    if path == "/run/binary":
        return b"\xff".decode("utf-8")
    try:
        return FILES[path]
    except KeyError:
        raise FileNotFoundError(2, "No such file or directory") from None


def _load(**environ: str) -> Loaded:
    return settings.load("APP_", TABLE, {f"APP_{name}": value for name, value in environ.items()}, _read)


def _faults(**environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        _load(**environ)
    return refused.value.faults


def test_what_is_not_given_has_its_default() -> None:
    loaded = _load()

    assert loaded.values == {row.name: row.default for row in TABLE}
    assert loaded.given == frozenset()


def test_what_is_given_is_parsed() -> None:
    loaded = _load(PORT="80", LEEWAY="1.5", MODE="closed", KEYS="a,b c", STRICT="yes")

    assert loaded.values["PORT"] == 80
    assert loaded.values["LEEWAY"] == 1.5
    assert loaded.values["KEYS"] == ("a", "b", "c")
    assert loaded.values["STRICT"] is True
    assert loaded.given == {"PORT", "LEEWAY", "MODE", "KEYS", "STRICT"}


def test_variables_of_other_programs_are_left_alone() -> None:
    assert settings.load("APP_", TABLE, {"PATH": "/bin", "APPLE": "1"}, _read).given == frozenset()


def test_what_does_not_fit_together_is_told_with_the_rest_but_not_of_what_could_not_be_read() -> None:
    def together(values: Mapping[str, Any]) -> list[str]:
        said = [f"APP_MODE does not fit: {values['MODE']}"]
        return said if values["PORT"] != 8000 else [*said, "APP_PORT does not fit APP_LEEWAY"]

    def faults(**environ: str) -> tuple[str, ...]:
        with pytest.raises(SettingsError) as refused:
            settings.load("APP_", TABLE, {f"APP_{name}": value for name, value in environ.items()}, _read, together)
        return refused.value.faults

    assert faults() == ("APP_MODE does not fit: None", "APP_PORT does not fit APP_LEEWAY")
    assert faults(PORT="80") == ("APP_MODE does not fit: None",)
    assert [fault.split(":")[0] for fault in faults(LEEWAY="-1")] == ["APP_LEEWAY", "APP_MODE does not fit"]


def test_all_faults_are_told_at_once() -> None:
    faults = _faults(PORT="70000", LEEWAY="-1", MODE="ajar", STRICT="maybe", PROT="1", KEYS_FILE="/run/missing")

    assert len(faults) == 6
    told = "\n".join(faults)
    for name in ("APP_PORT", "APP_LEEWAY", "APP_MODE", "APP_STRICT", "APP_PROT", "APP_KEYS_FILE"):
        assert name in told


@pytest.mark.parametrize("typed, meant", [("PROT", "PORT"), ("LEWAY", "LEEWAY"), ("KEY_FILE", "KEYS_FILE"), ("STRCT", "STRICT")])
def test_a_typing_error_is_told_what_was_meant(typed: str, meant: str) -> None:
    (fault,) = _faults(**{typed: "1"})

    assert f"did you mean APP_{meant}?" in fault


def test_a_name_like_no_other_is_a_fault_without_a_guess() -> None:
    (fault,) = _faults(ZZZZZZZZZZ="1")

    assert "did you mean" not in fault


@pytest.mark.parametrize(
    "name, value",
    [
        ("PORT", "tcp://10.0.0.1:80"),
        ("SERVICE_HOST", "10.0.0.1"),
        ("SERVICE_PORT", "80"),
        ("SERVICE_PORT_HTTP", "80"),
        ("PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("PORT_80_TCP_ADDR", "10.0.0.1"),
        ("PORT_80_TCP_PROTO", "tcp"),
        ("PORT_53_UDP_PORT", "53"),
        ("DB_SERVICE_HOST", "10.0.0.2"),
        ("DB_PORT", "tcp://10.0.0.2:5432"),
    ],
)
def test_what_a_kubernetes_service_link_injects_is_set_aside_with_one_warning(name: str, value: str) -> None:
    loaded = _load(**{name: value})

    assert loaded.values["PORT"] == 8000
    assert loaded.given == frozenset()
    (warning,) = loaded.warnings
    assert f"APP_{name}" in warning


def test_a_secret_may_come_from_a_file() -> None:
    assert _load(KEYS_FILE="/run/keys").values["KEYS"] == ("first", "second")
    assert _load(KEYS_FILE="/run/crlf").values["KEYS"] == ("word",)


def test_what_is_no_secret_has_no_file_twin() -> None:
    (fault,) = _faults(HOST_FILE="/run/keys")

    assert "APP_HOST_FILE is not a setting" in fault


def test_a_secret_and_its_file_at_once_are_a_fault() -> None:
    (fault,) = _faults(KEYS="a", KEYS_FILE="/run/keys")

    assert "keep one" in fault


def test_an_empty_value_means_not_set() -> None:
    """Compose files and shells pass `NAME=` for a variable that is not set."""
    assert _load(PORT="", KEYS="").given == frozenset()
    assert _load(KEYS="", KEYS_FILE="/run/keys").values["KEYS"] == ("first", "second")
    assert _load(KEYS="a", KEYS_FILE="").values["KEYS"] == ("a",)
    assert _load(KEYS_FILE="/run/empty").values["KEYS"] is None


@pytest.mark.parametrize("path", ["/run/missing", "/run/binary"])
def test_a_file_that_cannot_be_read_is_a_fault(path: str) -> None:
    (fault,) = _faults(KEYS_FILE=path)

    assert fault.startswith(f"APP_KEYS_FILE: cannot read {path}")


@given(st.text(st.characters(codec="ascii"), min_size=8, max_size=40).filter(lambda text: text.strip()))
def test_a_fault_never_repeats_a_secret(value: str) -> None:
    (fault,) = _faults(PIN=value + "!")

    # The same sentence for every secret: to look for the secret in it would find what the words have in common.
    assert fault == "APP_PIN: must be a whole number from 0 to 9"


def test_a_fault_of_another_setting_says_what_was_got_and_what_would_be_right() -> None:
    (fault,) = _faults(PORT="many")

    assert fault == "APP_PORT: must be a whole number from 0 to 65535, got 'many'"


@pytest.mark.parametrize(
    "name, value, shown",
    [
        ("PORT", 80, "80"),
        ("KEYS", ("a",), "***"),
        ("KEYS", None, "made"),
        ("MODE", None, "open on loopback"),
        ("PIN", None, "none"),
        ("STRICT", True, "true"),
        ("HOST", ("a", "b"), "a, b"),
    ],
)
def test_values_are_shown_with_secrets_masked(name: str, value: object, shown: str) -> None:
    row = next(row for row in TABLE if row.name == name)

    assert settings.masked(row, value) == shown


PARSERS: list[tuple[str, Callable[[str], Any]]] = [
    ("whole", settings.whole(0, 10)),
    ("seconds", settings.seconds(0, 10)),
    ("boolean", settings.boolean),
    ("choice", settings.choice("a")),
    ("server_url", settings.server_url),
]


@pytest.mark.parametrize("parse", [parse for _, parse in PARSERS], ids=[name for name, _ in PARSERS])
@given(value=st.text() | st.from_regex(r"https?://[\[\]a-z0-9:@./?#%-]*", fullmatch=True))
def test_a_parser_gives_a_value_or_a_sentence(parse: Callable[[str], Any], value: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse(value) is not None


@pytest.mark.parametrize("value", ["1e3", "+5", " 5", "5 ", "٣", "0x1", "-1", "11", "", "1_0"])
def test_numbers_have_one_spelling(value: str) -> None:
    for parse in (settings.whole(0, 10), settings.seconds(0, 10)):
        with pytest.raises(ValueError, match="must be"):
            parse(value)


@pytest.mark.parametrize(
    "value",
    [
        "api.example",
        "//api.example",
        "ftp://api.example",
        "https://",
        "https://api.example/#",
        "https://api.example/?",
        "https://user@api.example",
        "https://api.example/a b",
        "https://api.example:port",
        "https://[::1",
        "https://äpi.example",
        "https://api.example/\n",
    ],
)
def test_a_server_is_named_by_a_plain_absolute_url(value: str) -> None:
    with pytest.raises(ValueError, match=r"must|Port|Invalid"):
        settings.server_url(value)


@pytest.mark.parametrize(
    "value", ["https://api.example", "http://localhost:8001", "https://api.example/v1/", "https://[::1]:8000"]
)
def test_a_server_url_is_taken_as_it_is(value: str) -> None:
    assert settings.server_url(value) == value


@pytest.mark.parametrize(
    "host, loopback",
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        (None, False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("0.0.0.0", False),
        ("127.1", False),
    ],
)
def test_loopback_is_this_machine_alone(host: str | None, loopback: bool) -> None:
    assert settings.is_loopback(host) is loopback
