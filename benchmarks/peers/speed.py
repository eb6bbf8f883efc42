"""`python -m benchmarks.peers.speed`: what protection costs, the kit and its peers in one interleaved run; a table and a plot.

Two things are measured: processor time of a server for an answer, open and protected, and processor time of one verification beside one
raw RSA verification of the same process. Both are ratios, so other machines may be compared; the report says how busy this one was.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import load, machine, servers
from benchmarks.load import Load, LoadFailed
from benchmarks.peers import environments, speed_report
from benchmarks.peers.costs import STACKS, Results
from benchmarks.peers.environments import HERE, LIBRARIES, Library, NotInstalled
from benchmarks.peers.issuer import AUDIENCE, THUMBPRINT, Issuer, Realm, an_issuer
from benchmarks.peers.process import Peer, PeerFailed, a_peer, trusting
from benchmarks.servers import ROOT, DidNotStart, Server
from benchmarks.wakeful import Turns

RESULTS: Final = ROOT / "docs" / "performance"
MANY_KEYS: Final = 999
# Some libraries read all keys again for each token.
_FEWER: Final = 20
_MOST_FILLING: Final = 15
# Behind an HTTP server of its own, or timed by HTTP below.
_NOT_TIMED: Final = frozenset({"express-oauth2-jwt-bearer"})


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: `rounds`, each with servers of its own; in each, so many turns of so many seconds at each server."""

    rounds: int
    turns: int
    seconds: float
    tokens: int
    timed: int


FULL: Final = Plan(rounds=7, turns=8, seconds=0.25, tokens=5_000, timed=1_000)
QUICK: Final = Plan(rounds=1, turns=3, seconds=0.25, tokens=300, timed=100)


def main(words: list[str] | None = None) -> int:
    """Measure, print, write `docs/performance/peers.md` and its plot."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.speed", description="What protection costs.")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the report goes (default: docs/performance)")
    parser.add_argument("--kit-alone", action="store_true", help="without the libraries that need an environment of their own")
    given = parser.parse_args(words)
    if sys.platform != "linux":
        print("The benchmarks read /proc: they run on Linux alone.", file=sys.stderr)
        return 2
    plan, began = QUICK if given.quick else FULL, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sealwright-speed-") as folder, an_issuer(Path(folder)) as issuer:
        results = measure(Path(folder), issuer, plan, kit_alone=given.kit_alone)
    print(speed_report.as_text(results))
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "peers.md").write_text(
        speed_report.as_markdown(results, plan.rounds, plan.turns, plan.seconds), encoding="utf-8"
    )
    (given.output / "peers.svg").write_text(speed_report.as_svg(results), encoding="utf-8")
    print(f"\n{time.monotonic() - began:.0f} s; written to {given.output}/peers.md and peers.svg")
    return 0


def measure(folder: Path, issuer: Issuer, plan: Plan, *, kit_alone: bool = False) -> Results:
    """Measure everything that can be."""
    results = Results()
    libraries: list[Library | None] = [None, *(library for library in LIBRARIES if not kit_alone)]
    realm = _realm(issuer)
    tokens = [realm.token_of_somebody() for _ in range(plan.tokens)]
    cores = machine.choose_cores()
    for number in range(plan.rounds):
        print(f"  round {number + 1} of {plan.rounds} …", file=sys.stderr, flush=True)
        # New processes each time, for libraries and for servers: where its memory happens to lie makes one and the same program faster
        # or slower. And all of them in each round, since the machine is faster in one minute than in another.
        for library in libraries:
            _time(library, folder, issuer, plan, results)
        with machine.pinned(cores.load), ExitStack() as running:
            started = dict(_started(folder, realm, issuer, results, cores, running, kit_alone=kit_alone))
            _round(started, tokens, plan, results)
    return results


def _started(
    folder: Path, realm: Realm, issuer: Issuer, results: Results, cores: machine.Cores, running: ExitStack, *, kit_alone: bool
) -> Iterator[tuple[str, Server]]:
    """Start every server, to run at once; those that were not asked do nothing."""
    for kind in dict.fromkeys(kind for pair in STACKS for kind in (pair[1], pair[0])):
        if kind in results.missing:
            continue
        try:
            server = _server(kind, folder, realm, issuer, kit_alone=kit_alone)
            yield kind, running.enter_context(servers.running(server, cores.server))
        except (NotInstalled, DidNotStart) as reason:
            results.missing[kind] = str(reason)


def _round(started: dict[str, Server], tokens: list[str], plan: Plan, results: Results) -> None:
    """Ask each server in turn, again and again; keep the least of each one's turns, since whatever disturbs only ever adds."""
    # Open servers are sent the tokens too: reading the header is no part of protecting.
    loads = {
        kind: Turns(Load(server.url, [load.get(server.url, "/me", token=token) for token in tokens]))
        for kind, server in started.items()
    }
    found: dict[str, list[float]] = defaultdict(list)
    busy, own, began = machine.busy_seconds(), time.process_time(), time.monotonic()
    before = sum(machine.cpu_seconds(server.pid) for server in started.values())
    for turn in range(plan.turns + 1):
        for kind, server in started.items():
            if kind in results.missing:
                continue
            try:
                if turn == 0:
                    _fill(loads[kind], server, len(tokens))
                else:
                    found[kind].append(loads[kind].microseconds(server.pid, plan.seconds)[0])
            except LoadFailed as failure:
                results.missing[kind] = str(failure)
    used = sum(machine.cpu_seconds(server.pid) for server in started.values()) - before + time.process_time() - own
    results.others.append(max(0.0, machine.busy_seconds() - busy - used) / (time.monotonic() - began))
    for kind, times in found.items():
        results.cpu[kind].append(min(times))


def _fill(turns: Turns, server: Server, count: int) -> None:
    """Present every token once, so that whatever remembers tokens has them all."""
    answered, began = 0, time.monotonic()
    while answered < count and time.monotonic() < began + _MOST_FILLING:
        answered += turns.microseconds(server.pid, 0.2)[1]


def _server(kind: str, folder: Path, realm: Realm, issuer: Issuer, *, kit_alone: bool) -> Server:
    port = servers.free_port()
    words = [kind, str(port), realm.url, realm.jwks_uri, AUDIENCE]
    environment, url = trusting(issuer.certificate), f"http://127.0.0.1:{port}"
    log = folder / f"{kind}.log"
    if kind.startswith(("starlette", "fastapi")):
        return Server("benchmarks.peers.stacks", words, url, environment, log, "/ready")
    if kit_alone:
        raise NotInstalled("left out")
    environment["PEERS_NODE_MODULES"] = str(environments.node_environment())
    return Server(str(HERE / "drivers" / "node_stacks.mjs"), words, url, environment, log, "/ready", program=["node"])


def _time(library: Library | None, folder: Path, issuer: Issuer, plan: Plan, results: Results) -> None:
    name = library.name if library is not None else "kit"
    if name in _NOT_TIMED or name in results.missing:
        return
    try:
        with a_peer(library, folder, issuer.certificate, shifted=False) as peer:
            for what, more, others in _timings(name):
                realm = _realm(issuer, others)
                peer.new(realm, **more)
                count = plan.timed if others == 0 else plan.timed // _FEWER
                us, raw = peer.microseconds([realm.token_of_somebody() for _ in range(count)])
                results.cpu[f"{name} {what}"].append(us)
                results.cpu[f"{name} {what} raw"].append(raw)
            if library is None:
                _time_core(peer, issuer, plan, results)
    except (NotInstalled, PeerFailed) as reason:
        results.missing[name] = str(reason)


def _time_core(peer: Peer, issuer: Issuer, plan: Plan, results: Results) -> None:
    """Time the kit's verifier with no guard around it, with one key and with a thousand."""
    realm = _realm(issuer)
    tokens, documents = [realm.token_of_somebody() for _ in range(plan.timed)], [realm.key_set()]
    realm.others = MANY_KEYS
    peer.new(realm)
    (one, many), raw = peer.microseconds_of_keys([*documents, realm.key_set()], tokens)
    for what, us in (("core", one), ("many", many), ("core raw", raw)):
        results.cpu[f"kit {what}"].append(us)


def _realm(issuer: Issuer, others: int = 0) -> Realm:
    realm = issuer.realm()
    realm.keys, realm.others = (THUMBPRINT,), others
    return realm


def _timings(name: str) -> Iterator[tuple[str, dict[str, object], int]]:
    """Yield what is timed of a library: under what name, with which options, and how many keys more there are."""
    if name == "kit":
        yield "verify", {"cached_tokens": 0}, 0
        yield "cached", {"cached_tokens": 10_000}, 0
        return
    yield "verify", {}, 0
    if name == "fast-jwt":
        yield "cached", {"cache": 10_000}, 0
    yield "many", {}, MANY_KEYS


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
