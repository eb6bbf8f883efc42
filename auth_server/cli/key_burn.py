"""`auth-server key burn`: what it means is told before, and what is true meanwhile."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final, TextIO

from auth_server.cli.command import Answer, not_found, refused, usage
from auth_server.cli.inputs import confirm
from auth_server.cli.key_consequence import Bounds, consequence, seconds
from auth_server.cli.key_timeline import short
from auth_server.cli.terminal import terminal_width
from auth_server.keys.burning import Burned, BurnRefused, Progress, Stage
from auth_server.keys.lifecycle import RotationPolicy
from auth_server.services import Services
from auth_server.store.signing_keys import KeyState, SigningKey

# What somebody types to confirm, and the least of a kid that names a key.
_TYPED: Final = 8


async def burn(services: Services, given: argparse.Namespace) -> Answer:
    """Tell what burning a key means, ask, burn it, and tell what is true until the last bound that the server knows.

    Raises:
        CommandFailed: there is no such key, nobody confirmed it, or it cannot be burned in this way.
    """
    key = await _find(services, given.kid)
    bounds = Bounds.of(services.settings.key_policy)
    if key.state is KeyState.COMPROMISED:
        return Answer(
            _document(Burned(key.kid, key.ring, key.state, None, None, is_known=True), bounds), f"{key.kid} was burned already"
        )
    screen = Screen(sys.stderr, is_silent=given.json)
    try:
        if given.planned:
            await services.burning.check_planned(key.kid)
        await _warn(services, key, bounds, given)
        confirm(given, f"burning {key.kid}", key.kid[:_TYPED])
        burned = await services.burning.burn(key.kid, reason=given.reason, planned=given.planned, tell=screen.tell)
    except BurnRefused as refusal:
        raise refused(str(refusal), error="burn_refused") from refusal
    # So that this machine's own record of what was published knows it at once.
    await services.keyring.refresh()
    if screen.is_terminal and not given.json and not given.no_wait:
        await screen.count_down(bounds, planned=given.planned)
    return Answer(_document(burned, bounds), _told(burned, bounds), _notes(burned))


async def _find(services: Services, text: str) -> SigningKey:
    if len(text) < _TYPED:
        raise usage(f"say at least the first {_TYPED} characters of the kid")
    every = await services.store.read(lambda tx: tx.signing_keys.every())
    found = [key for key in every if key.kid == text] or [key for key in every if key.kid.startswith(text)]
    if not found:
        raise not_found("there is no key with this kid: see auth-server key list --all")
    if len(found) > 1:
        raise usage("several keys begin like this; say more of the kid")
    return found[0]


async def _warn(services: Services, key: SigningKey, bounds: Bounds, given: argparse.Namespace) -> None:
    if given.json:
        return
    ring = await services.store.read(lambda tx: tx.signing_keys.view(key.ring))
    policy = RotationPolicy(services.settings.key_policy, services.settings.key_rotation_period)
    words = consequence(key, ring, policy, bounds, planned=given.planned, width=terminal_width())
    print(words, file=sys.stderr, flush=True)


def _document(burned: Burned, bounds: Bounds) -> dict[str, object]:
    return {
        "kid": burned.kid,
        "ring": burned.ring,
        "was": burned.was.value,
        "changed": burned.was is not KeyState.COMPROMISED,
        "active_kid": burned.active_kid,
        "standby_kid": burned.standby_kid,
        "active_is_known_everywhere": burned.is_known,
        "seconds_until": {
            "nobody_signs_with_it": bounds.signed_until,
            "no_connected_api_accepts_it": bounds.connected_until,
            "no_api_that_refreshes_accepts_it": bounds.polled_until,
            "no_api_accepts_it": bounds.cut_off_until,
        },
    }


def _told(burned: Burned, bounds: Bounds) -> str:
    signs = f"; {short(burned.active_kid)} signs" if burned.active_kid else ""
    return (
        f"{burned.kid} is burned{signs}; every API that follows the revocation feed refuses it at the latest "
        f"{seconds(bounds.connected_until)} after the burn, one that only refreshes its keys {seconds(bounds.polled_until)}"
    )


def _notes(burned: Burned) -> tuple[str, ...]:
    notes = []
    if burned.active_kid is not None and not burned.is_known:
        notes.append(
            "the key that signs now is younger than AUTH_SERVER_KEY_PUBLISH_AHEAD: APIs fetch it when they meet it, or answer 503"
        )
    if burned.kept_by_custodian is not None:
        notes.append(f"the custodian still holds the private half, destroy it there: {burned.kept_by_custodian}")
    notes.append("if the database was read by somebody, replace the key encryption key too (docs/keys.md)")
    return tuple(notes)


class Screen:
    """Standard error, while it happens: a terminal sees a line that counts down, a file sees one line for each thing that became true."""

    def __init__(
        self, out: TextIO, *, is_silent: bool = False, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self.is_terminal = out.isatty()
        self._out = out
        self._is_silent = is_silent
        self._sleep = sleep
        self._is_waiting = False

    def tell(self, progress: Progress) -> None:
        """Show one stage."""
        if progress.stage is Stage.WAITING:
            if self.is_terminal or not self._is_waiting:
                self._show(f"waiting until nobody signs with it any more: {seconds(progress.seconds_left)}", stays=False)
            self._is_waiting = True
            return
        words = {
            Stage.STANDBY_MADE: f"published {short(progress.kid)} as the standby",
            Stage.PROMOTED: f"{short(progress.kid)} signs now",
            Stage.BURNED: f"{short(progress.kid)} is dead: every replica learns it with its next look at the ring",
        }
        self._show(words[progress.stage], stays=True)

    async def count_down(self, bounds: Bounds, *, planned: bool) -> None:
        """Count down to the bounds, and say what is true when each is reached. The burn is done: leaving this loses nothing."""
        self._show("the burn is done; Ctrl-C leaves this clock, and nothing but the clock", stays=True)
        stages = [] if planned else [(bounds.signed_until, "no server process signs with it any more")]
        stages.append((bounds.connected_until, "no API that follows the revocation feed accepts it any more"))
        stages.append((bounds.polled_until, "no API that refreshes its keys accepts it any more"))
        stages.sort()
        passed = 0.0
        for until, truth in stages:
            while passed < until:
                self._show(f"{seconds(until - passed)} until {truth}", stays=False)
                pause = min(1.0, until - passed)
                await self._sleep(pause)
                passed += pause
            self._show(truth, stays=True)

    def _show(self, words: str, *, stays: bool) -> None:
        if self._is_silent:
            return
        if self.is_terminal:
            # Erase the line that counted: what is shown now may be shorter.
            print(f"\r\x1b[K{words}", end="\n" if stays else "", file=self._out, flush=True)
        else:
            print(words, file=self._out, flush=True)
