"""R8: access tokens are revoked while twenty resource servers follow the feed, and their feeds are dropped at random. How long after the
issuer had acknowledged it was each token still accepted, and was any revocation missed?

Each resource server asks one of two issuers; the revocation goes to either. Keys are not refreshed meanwhile: only the feed can tell.
"""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from docs.demo.servers import ROOT
from docs.demo.story import call
from tests.drills.site import Site, a_site
from tests.drills.tally import Journal, Tally, entries
from tests.support.keys import claims_of

SERVERS: Final = 20
REVOCATIONS, REVOCATIONS_IN_FULL = 200, 5_000
BOUND: Final = 15.0
# A revocation and what it needs, so often; with so many processes on two cores, more would measure the cores.
_EVERY: Final = 0.25
_LIVES_BEFORE: Final = 0.15


def run(*, full: bool) -> Tally:
    """Carry the drill out."""
    tally = Tally("R8")
    with a_site(2) as site, _followers(site) as seen:
        revoked = _revoke(site, REVOCATIONS_IN_FULL if full else REVOCATIONS, tally)
        time.sleep(BOUND + 1)
        (site.folder / "stop").touch()
        results = _results(site)
        _judge(tally, revoked, [entries(path) for path in seen], results)
    return tally


@contextlib.contextmanager
def _followers(site: Site) -> Iterator[list[Path]]:
    journal = site.folder / "tokens"
    journal.touch()
    processes, seen = [], []
    for number in range(SERVERS):
        seen.append(site.folder / f"seen-{number}")
        given = {
            "issuer": site.issuer,
            "upstream": site.urls[number % len(site.urls)],
            "journal": str(journal),
            "seen": str(seen[-1]),
            "ready": str(site.folder / f"ready-{number}"),
            "result": str(site.folder / f"result-{number}"),
        }
        path = site.folder / f"follower-{number}.json"
        path.write_text(json.dumps(given), encoding="utf-8")
        processes.append(subprocess.Popen([sys.executable, "-m", "tests.drills.following", str(path)], cwd=ROOT))
    try:
        _wait_for([site.folder / f"ready-{number}" for number in range(SERVERS)], 120)
        yield seen
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.wait()


def _revoke(site: Site, count: int, tally: Tally) -> dict[str, float]:
    """Mint, let it live for a moment, revoke; return when each revocation was acknowledged."""
    journal, revoked = Journal(site.folder / "tokens"), {}
    for _ in range(count):
        began = time.monotonic()
        issuer = random.randrange(len(site.urls))
        answer = site.ask_for_token(issuer)
        if answer is None or answer.status != 200:
            tally.notes.append(f"a request for a token was answered {answer and answer.status}")
            continue
        token = answer.body["access_token"]
        jti = claims_of(token)["jti"]
        journal.add(jti=jti, token=token, at=time.time())
        time.sleep(_LIVES_BEFORE)
        done = call(
            "POST",
            f"{random.choice(site.urls)}/revoke",
            form={"token": token, "token_type_hint": "access_token"},
            basic=(site.client_id, site.secret),
        )
        if done.status == 200:
            revoked[jti] = time.time()
        time.sleep(max(0.0, _EVERY - (time.monotonic() - began)))
    journal.close()
    return revoked


def _judge(tally: Tally, revoked: dict[str, float], seen: list[list[dict[str, Any]]], results: list[dict[str, Any]]) -> None:
    latencies = []
    for each in seen:
        refused = {entry["jti"]: entry for entry in each if entry["what"] != "accepted"}
        accepted = {entry["jti"] for entry in each if entry["what"] == "accepted"}
        tally.wrongly_rejected += sum(entry["what"] != "revoked" for entry in refused.values())
        tally.wrongly_rejected += sum(entry["at"] < revoked.get(jti, 0) - 1 for jti, entry in refused.items())
        for jti, at in revoked.items():
            tally.offered += 1
            if jti not in refused:
                tally.lost += 1  # missed: it was still accepted when the drill ended
                continue
            tally.served += 1
            if jti in accepted:
                latencies.append(max(0.0, refused[jti]["at"] - at))
    latencies.sort()
    tally.faults = sum(result["cuts"] for result in results)
    tally.wrongly_accepted = sum(latency > BOUND for latency in latencies)
    p50, p99 = (latencies[int(len(latencies) * part)] for part in (0.50, 0.99))
    tally.notes += [
        f"{SERVERS} resource servers, {len(revoked)} revocations, {tally.faults} feeds cut",
        f"refused after p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, at most {latencies[-1] * 1000:.0f} ms; missed {tally.lost}",
    ]


def _results(site: Site) -> list[dict[str, Any]]:
    files = [site.folder / f"result-{number}" for number in range(SERVERS)]
    _wait_for(files, 60)
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def _wait_for(files: list[Path], seconds: float) -> None:
    give_up_at = time.monotonic() + seconds
    while not all(file.exists() for file in files):
        if time.monotonic() > give_up_at:
            raise RuntimeError("a resource server of the drill did not answer")
        time.sleep(0.05)
    time.sleep(0.3)
