"""R6: `auth-server serve` is killed (SIGKILL) at random moments while people register, sign in, exchange codes, refresh and revoke, and
operators rotate keys and re-wrap them, whose commands are killed too. Nothing that was acknowledged may be lost, and nobody logged out.

The oracle is a client that writes each request to a file of its own before it is sent, and each answer before it goes on. Both databases
are tried at once. Reduced: two hundred kills in about three minutes on two quiet cores.
"""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor

from auth_server.keys.sealing import generate_key_encryption_key
from tests.drills.authorizations import a_client
from tests.drills.home import KINDS, Home, a_home
from tests.drills.r06_crowd import KEYS, Crowd
from tests.drills.r06_inspection import Inspection
from tests.drills.tally import Tally

KILLS, KILLS_IN_FULL = 100, 1_000


def run(*, full: bool) -> Tally:
    """Carry the drill out."""
    kills = KILLS_IN_FULL if full else KILLS
    tally = Tally("R6")
    with ThreadPoolExecutor(len(KINDS)) as pool:
        for part in pool.map(lambda kind: _on(kind, kills), KINDS):
            _add(tally, part)
    return tally


def _on(kind: str, kills: int) -> Tally:
    part = Tally("R6")
    # A token may rotate every half second, so that there is something to lose at every moment.
    with a_home(kind, REFRESH_QUIET_WINDOW="0.5") as home:
        home.environment[KEYS] += "," + generate_key_encryption_key()
        a_client(home)
        home.start()
        crowd = Crowd(home, part)
        crowd.begin()
        _kill_again_and_again(home, kills, part, crowd)
        crowd.end()
        Inspection(home, part, crowd).carry_out()
        part.notes.append(f"{kind}: {part.faults} kills, {crowd.summary()}, lost {part.lost}")
    return part


def _kill_again_and_again(home: Home, kills: int, part: Tally, crowd: Crowd) -> None:
    for number in range(kills):
        if number % 10 == 9:
            time.sleep(random.uniform(0.0, 0.3))  # while it starts
        else:
            home.wait()
            time.sleep(random.uniform(0.05, 0.5))
        home.kill()
        part.faults += 1
        home.start(wait=False)
        crowd.check()
    home.wait()


def _add(tally: Tally, part: Tally) -> None:
    for name in ("offered", "served", "faults", "lost", "wrongly_rejected", "wrongly_accepted"):
        setattr(tally, name, getattr(tally, name) + getattr(part, name))
    tally.notes += part.notes
    tally.broken += part.broken
