"""`auth-server key import`: files as an operator has them."""

from __future__ import annotations

import json

import pytest

from auth_server.cli.command import CommandFailed, ExitCode
from auth_server.cli.key_import import parse_when
from shared.jose import ED25519, ES256, RS256
from tests.auth_server.cli.conftest import Operator
from tests.support.foreign_keys import KEYS, a_jwk, private_pem, public_pem

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000


def _keys(operator: Operator) -> dict[str, dict[str, object]]:
    return {key["kid"]: key for key in operator.done("key", "list")["rings"][0]["keys"]}


def test_a_former_issuers_key_set_is_published_until_its_time(operator: Operator) -> None:
    former = {"keys": [a_jwk(RS256, kid="2019-signing"), a_jwk(ES256, kid="2020-signing")]}
    path = operator.file("old-jwks.json", json.dumps(former))

    told = operator("key", "import", "--verify-only", path, "--issuer-note", "the old server", "--not-after", "+2d", "--json")

    assert told.code == 0, told.err
    assert told.json["kids"] == ["2019-signing", "2020-signing"]
    assert "3072 are recommended" in told.json["notes"][0]
    keys = _keys(operator)
    assert [keys[kid]["state"] for kid in told.json["kids"]] == ["imported", "imported"]
    assert keys["2019-signing"]["due"] == {"what": "is withdrawn", "at": told.json["not_after"]}


def test_a_private_key_becomes_the_standby_and_is_never_shown(operator: Operator) -> None:
    pem = private_pem(KEYS[RS256]).decode()

    told = operator("key", "import", "--private", operator.file("key.pem", pem))

    assert told.code == 0, told.err
    assert "is the standby" in told.out
    assert "it may sign 86400 s from now" in told.out
    (standby,) = [key for key in _keys(operator).values() if key["state"] == "pending"]
    assert told.out.startswith(str(standby["kid"]))
    assert not any(line in told.out + told.err for line in pem.splitlines()[1:-1])


def test_a_public_key_comes_by_standard_input_too(operator: Operator) -> None:
    told = operator(
        *("key", "import", "--verify-only", "-", "--issuer-note", "old", "--not-after", "2099-01-31"),
        stdin=public_pem(KEYS[ED25519]).decode(),
    )

    assert told.code == 0, told.err
    assert "verifies until 2099-01-31 00:00:00Z" in told.out


@pytest.mark.parametrize(
    "words, code",
    [
        ((), ExitCode.USAGE),
        (("--verify-only", "FILE"), ExitCode.USAGE),
        (("--verify-only", "FILE", "--issuer-note", "old", "--not-after", "some day"), ExitCode.USAGE),
        (("--verify-only", "FILE", "--issuer-note", "old", "--not-after", "2001-01-01"), ExitCode.REFUSED),
        (("--private", "FILE"), ExitCode.REFUSED),
        (("--private", "no such file"), ExitCode.USAGE),
        (("--private", "FILE", "--verify-only", "FILE"), ExitCode.USAGE),
    ],
)
def test_what_cannot_be_imported_changes_nothing(words: tuple[str, ...], code: ExitCode, operator: Operator) -> None:
    path = operator.file("key.pem", public_pem(KEYS[ED25519]).decode())
    before = _keys(operator)

    told = operator("key", "import", *(path if word == "FILE" else word for word in words))

    assert told.code == code, told.err
    assert _keys(operator) == before


@pytest.mark.parametrize(
    "text, at_ms",
    [
        ("+2d", NOW_MS + 2 * DAY_MS),
        ("+48h", NOW_MS + 2 * DAY_MS),
        ("2027-01-16", 1_800_057_600_000),
        ("2027-01-16T00:00:00Z", 1_800_057_600_000),
        ("2027-01-16T02:00:00+02:00", 1_800_057_600_000),
    ],
)
def test_a_time_can_be_said_in_several_ways(text: str, at_ms: int) -> None:
    assert parse_when(text, NOW_MS) == at_ms


@pytest.mark.parametrize("text", ["", "tomorrow", "+2", "2d", "+2w", "2027-13-01"])
def test_what_is_no_time_is_a_usage_error(text: str) -> None:
    with pytest.raises(CommandFailed) as failure:
        parse_when(text, NOW_MS)
    assert failure.value.code is ExitCode.USAGE
