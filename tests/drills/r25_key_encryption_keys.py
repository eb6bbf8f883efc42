"""R25: key encryption keys. An issuer with a wrong one serves the key set to the byte and signs nothing; replacing one survives kills.

A replica is started with another key than the rest: its JWKS must be the same bytes, and no token may come from it. Then the key is
replaced under load: a new one is put first everywhere, and what re-wraps is killed (SIGKILL) at random moments, again and again.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time

import psycopg

from auth_server.keys.sealing import generate_key_encryption_key, key_encryption_key_id
from docs.demo.servers import ROOT
from shared import base64url
from tests.drills.minting import Minter
from tests.drills.site import Site, a_site
from tests.drills.tally import Tally
from tests.drills.verifiers import Verifiers, add_up

KILLS, KILLS_IN_FULL = 20, 200
_KEYS = "AUTH_SERVER_KEY_ENCRYPTION_KEYS"
_WRONG_KEK = 2
_ASKED = 20


def run(*, full: bool) -> Tally:
    """Carry the drill out."""
    tally = Tally("R25")
    with a_site(3) as site:
        verifiers = Verifiers(site, [0, 1, 0])
        minter = Minter(site, verifiers.journal, issuers=2)
        try:
            minter.start()
            _start_with_the_wrong_one(site, tally)
            _replace(site, KILLS_IN_FULL if full else KILLS, tally)
            minter.stop()
            results = verifiers.stop()
        finally:
            minter.stop()
            verifiers.kill()
        add_up(tally, results)
        tally.notes.append(f"{minter.asked - minter.refused} tokens, {minter.refused} requests for one answered 503 or not")
        tally.broken += [str(wrong) for wrong in verifiers.wrong()[:3]]
    return tally


def _start_with_the_wrong_one(site: Site, tally: Tally) -> None:
    server = site.servers[_WRONG_KEK]
    server.stop()
    server.set_environment(**{_KEYS: generate_key_encryption_key()})
    server.start_unready()
    tally.faults += 1
    for _ in range(_ASKED):
        tally.offered += 2
        right, wrong = site.key_set(0), site.key_set(_WRONG_KEK)
        if right is not None and wrong is not None and (right.status, right.body) == (wrong.status, wrong.body):
            tally.served += 1
        else:
            tally.broken.append("the key sets differ")
        answer = site.ask_for_token(_WRONG_KEK)
        if answer is not None and answer.status == 200:
            tally.wrongly_accepted += 1
        else:
            tally.served += 1
        time.sleep(0.1)
    server.stop()


def _replace(site: Site, kills: int, tally: Tally) -> None:
    old, new = site.environment[_KEYS], generate_key_encryption_key()
    for keys in (f"{old},{new}", f"{new},{old}"):
        _restart(site, keys)
    site.environment[_KEYS] = f"{new},{old}"
    killed = 0
    while killed < kills:
        killed += _rewrap_and_kill(site)
        # What a rotation seals meanwhile lies under the new one already; the old ones are put back for the next round.
        if killed < kills and not _lying_under_others(site, new):
            site.environment[_KEYS] = f"{old},{new}"
            _rewrap(site)
            site.environment[_KEYS] = f"{new},{old}"
    tally.faults += killed
    _rewrap(site)
    tally.lost = _lying_under_others(site, new)
    # Without the old one everything still opens.
    _restart(site, new)
    answer = site.ask_for_token(0)
    tally.offered += 1
    if answer is not None and answer.status == 200:
        tally.served += 1
    else:
        tally.broken.append("no token with the new key encryption key alone")
    tally.notes.append(f"{killed} kills of the re-wrap")


def _restart(site: Site, keys: str) -> None:
    for server in site.servers[:_WRONG_KEK]:
        server.stop()
        server.set_environment(**{_KEYS: keys})
        server.start()


def _command(site: Site) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.drills.rewrapping"]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **site.environment}, stdout=subprocess.PIPE)


def _rewrap(site: Site) -> None:
    process = _command(site)
    process.communicate(timeout=60)
    if process.returncode != 0:
        raise RuntimeError("the re-wrap failed")


def _rewrap_and_kill(site: Site) -> int:
    """Kill a re-wrap within the hundredth of a second that it takes; return 1 if it was not done before."""
    process = _command(site)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(random.uniform(0, 0.08))
    process.kill()
    process.communicate(timeout=60)
    return int(process.returncode != 0)


def _lying_under_others(site: Site, kek: str) -> int:
    """Count the rows that are not under this key encryption key."""
    name = key_encryption_key_id(base64url.decode(kek.encode("ascii")))
    with psycopg.connect(site.environment["AUTH_SERVER_DATABASE_URL"]) as connection:
        counted = 0
        for table in ("signing_key", "server_secret"):
            row = connection.execute(
                f"SELECT count(*) FROM {table} WHERE kek_id IS NOT NULL AND kek_id <> %s", (name,)
            ).fetchone()
            counted += 0 if row is None else row[0]
    return counted
