"""`auth-server key burn`: what is told before, who may confirm it, and what is told after."""

from __future__ import annotations

import asyncio
import io

import pytest

from auth_server.audit.events import EventName
from auth_server.cli.command import ExitCode
from auth_server.cli.key_burn import Screen
from auth_server.cli.key_consequence import Bounds
from auth_server.keys.burning import Progress, Stage
from auth_server.keys.intents import Intent
from auth_server.services import Services
from shared.key_policy import KeyPolicy
from tests.auth_server.cli.conftest import Operator


def _keys(operator: Operator) -> dict[str, str]:
    return {key["state"]: key["kid"] for key in operator.done("key", "list")["rings"][0]["keys"]}


def test_the_standby_signs_and_the_burned_key_is_gone(operator: Operator) -> None:
    before = _keys(operator)

    told = operator("key", "burn", "--yes", "--json", "--reason", "seen in a log", "--", before["active"])

    assert told.code == 0, told.err
    after = _keys(operator)
    assert (after["compromised"], after["active"]) == (before["active"], before["pending"])
    assert told.json["active_kid"] == after["active"]
    assert told.json["standby_kid"] == after["pending"]
    assert (told.json["was"], told.json["changed"]) == ("active", True)
    assert told.json["seconds_until"] == {
        "nobody_signs_with_it": 60,
        "no_connected_api_accepts_it": 15,
        "no_api_that_refreshes_accepts_it": 600,
        "no_api_accepts_it": 86_400,
    }
    (event,) = operator.events("key.burned")
    assert (event["actor"], event["detail"]["note"]) == ("operator", "seen in a log")


def test_the_consequence_is_told_before_anybody_may_confirm_it(operator: Operator) -> None:
    operator.set("KEY_SIGN_LEASE", "45")
    before = _keys(operator)

    told = operator("key", "burn", "--", before["active"], terminal=True, stdin="no\n")

    assert told.code == ExitCode.REFUSED
    for words in ("in 45 s", "in 15 s", "in 600 s", "in 24 hours", "programs refresh and go on"):
        assert words in " ".join(told.err.split())
    assert _keys(operator) == before


def test_the_first_characters_of_the_kid_confirm_it_at_a_terminal(operator: Operator) -> None:
    before = _keys(operator)

    told = operator("key", "burn", "--no-wait", "--", before["pending"][:8], terminal=True, stdin=before["pending"][:8] + "\n")

    assert told.code == 0, told.err
    assert f"{before['pending']} is burned" in told.out
    after = _keys(operator)
    assert (after["compromised"], after["active"]) == (before["pending"], before["active"])


def test_nobody_at_a_terminal_must_say_yes(operator: Operator) -> None:
    before = _keys(operator)

    told = operator("key", "burn", "--", before["active"])

    assert told.code == ExitCode.USAGE
    assert "--yes" in told.err
    assert _keys(operator) == before


def test_a_planned_burn_is_refused_while_apis_may_not_know_the_standby(operator: Operator) -> None:
    before = _keys(operator)

    told = operator("key", "burn", "--planned", "--yes", "--json", "--", before["active"])

    assert (told.code, told.error["error"]) == (ExitCode.REFUSED, "burn_refused")
    assert _keys(operator) == before


def test_nobody_is_asked_to_confirm_what_is_refused_anyway(operator: Operator) -> None:
    kid = _keys(operator)["active"]

    told = operator("key", "burn", "--planned", "--", kid, terminal=True, stdin=kid[:8] + "\n")

    assert told.code == ExitCode.REFUSED
    assert "too recently for a planned burn" in told.err
    assert "cannot be undone" not in told.err


def test_burning_it_again_changes_nothing(operator: Operator) -> None:
    kid = _keys(operator)["active"]
    operator("key", "burn", "--yes", "--", kid)
    after = _keys(operator)

    told = operator("key", "burn", "--yes", "--json", "--", kid)

    assert (told.code, told.json["changed"]) == (0, False)
    assert _keys(operator) == after


@pytest.mark.parametrize("kid, code", [("short", ExitCode.USAGE), ("n" * 43, ExitCode.NOT_FOUND)])
def test_a_key_that_is_not_there_is_not_burned(kid: str, code: ExitCode, operator: Operator) -> None:
    assert operator("key", "burn", kid, "--yes").code == code


class Terminal(io.StringIO):
    """What a terminal was shown."""

    def isatty(self) -> bool:
        """Be one."""
        return True


def test_a_terminal_counts_down_to_what_becomes_true() -> None:
    shown, slept = Terminal(), []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    bounds = Bounds.of(KeyPolicy(sign_lease=2.5, view_lease=3, jwks_max_age=2))
    asyncio.run(Screen(shown, sleep=sleep).count_down(bounds, planned=False))

    lines = shown.getvalue().split("\r\x1b[K")
    assert sum(slept) == 5
    assert lines[2:5] == [f"{left} s until no server process signs with it any more" for left in ("2.5", "1.5", "0.5")]
    assert lines[5] == "no server process signs with it any more\n"
    assert lines[-1] == "no API that refreshes its keys accepts it any more\n"


def test_a_file_is_told_each_thing_once() -> None:
    shown = io.StringIO()
    screen = Screen(shown)

    for seconds in (60.0, 59.0, 58.0):
        screen.tell(Progress(Stage.WAITING, "kid", seconds))
    screen.tell(Progress(Stage.BURNED, "a-long-key-identifier"))

    assert shown.getvalue().splitlines() == [
        "waiting until nobody signs with it any more: 60 s",
        "a-long-key- is dead: every replica learns it with its next look at the ring",
    ]


def test_an_intent_without_an_outcome_is_shown(operator: Operator) -> None:
    """Somebody's process died between the two."""
    kid = _keys(operator)["active"]

    async def intend(services: Services) -> None:
        intent = Intent(EventName.KEY_BURN_INTENDED, "RS256", kid, 1, "operator")
        await services.store.run(lambda tx: intent.record(tx, intent.event, "ok"))

    operator.within(intend)

    told = operator("key", "list")
    assert "key.burn_intended" in told.err
    assert kid in told.err
    (shown,) = operator.done("key", "list")["unfinished"]
    assert (shown["event"], shown["kid"]) == ("key.burn_intended", kid)
