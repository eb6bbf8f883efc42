"""What is measured when: every round takes each sample once, one after the other, so that a slow minute slows them all alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import load, machine, seeding, servers
from benchmarks.budget import Figure
from benchmarks.micro import Committing, Raw, Verifying
from benchmarks.seeding import API
from benchmarks.web import DISCOVERY, JWKS, Bench, all_running, settings

PEOPLE: Final = 32
_PROBES_A_SECOND: Final = 100.0
_HASH_MIB: Final = 19.0
_GROUPED_AT_ONCE: Final = 32
# Below a millisecond a latency says more about the scheduler than about the server.
_LEAST_US: Final = 1000.0

# Figure: samples above, samples below, their unit.
_RATIOS: Final = {
    "client_credentials": ("signing", "client_credentials cpu", "µs"),
    "one_p50": ("one p50", "raw sign", "µs"),
    "one_p99": ("one p99", "raw sign", "µs"),
    "refresh": ("signing", "refresh cpu", "µs"),
    "login": ("raw hash", "login cpu", "µs"),
    "verify": ("verify 1 key", "raw verify", "µs"),
    "verify_guard": ("verify by guard", "raw verify", "µs"),
    "verify_cached": ("verify remembered", "raw verify", "µs"),
    "verify_keys": ("verify 1000 keys", "verify 1 key", "µs"),
    "guarded": ("open cpu", "cached cpu", "µs"),
    "guarded_uncached": ("open cpu", "uncached cpu", "µs"),
    "jwks": ("jwks cpu", "hello cpu", "µs"),
    "discovery": ("discovery cpu", "hello cpu", "µs"),
    "group_commit": ("grouped", "one by one", "/s"),
    "workers": ("2 workers", "1 worker", "/s"),
    "jwks_under_tokens": ("probe tokens p50", "raw sign", "µs"),
    "jwks_under_logins": ("probe logins p99", "probe idle p99", "µs"),
    "start_ratio": ("start of auth", "start of hello", "s"),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. `patience`: seconds that may be spent on waiting for a quiet moment, or on measuring once more."""

    rounds: int
    seconds: float
    tokens: int
    starts: int
    rotations: int
    patience: float
    workers: bool

    @property
    def families(self) -> int:
        """Return how many refresh families the samples may need, repeated ones included."""
        return 64 * (self.rounds + int(self.patience / self.seconds) + 1)


FULL: Final = Plan(rounds=3, seconds=2.0, tokens=2_000, starts=5, rotations=2_000, patience=40.0, workers=True)
QUICK: Final = Plan(rounds=1, seconds=1.0, tokens=300, starts=1, rotations=400, patience=0.0, workers=False)


@dataclass(slots=True)
class Results:
    """Samples by name, and the figures made of them."""

    samples: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    figures: dict[str, Figure] = field(default_factory=dict)

    def note(self, name: str, value: float) -> None:
        """Keep a sample."""
        self.samples[name].append(value)

    def of(self, name: str) -> float:
        """Return the median of the samples."""
        return median(self.samples[name])

    def say(self, key: str, value: float, made_of: str) -> None:
        """Keep a figure."""
        self.figures[key] = Figure(value, made_of)


def measure(folder: Path, plan: Plan, tell: Callable[[str], None]) -> Results:
    """Measure everything."""
    results, raw = Results(), Raw()
    tell("start")
    _starts(folder, plan, results)
    tell("commits")
    _commits(folder, plan, results)
    with all_running(folder, people=PEOPLE, families=plan.families, patience=plan.patience) as bench:
        idle = machine.memory(bench.auth.pid)
        results.say("memory_idle", idle.resident, f"PSS {idle.proportional:.0f} MiB")
        tokens = bench.mint(plan.tokens)
        verifying = Verifying(tokens, bench.auth.url, API, bench.fetch(JWKS))
        for number in range(plan.rounds):
            tell(f"round {number + 1} of {plan.rounds}")
            _micro(raw, verifying, results)
            results.note("signing", raw.signing(plan.seconds, bench.cores.server))
            _web(bench, tokens, plan.seconds, results)
        verifying.close()
        loaded = machine.memory(bench.auth.pid)
        results.say(
            "memory_loaded", loaded.resident, f"PSS {loaded.proportional:.0f} MiB, {bench.answered + plan.tokens:,} answers"
        )
        tell("under load")
        _under_load(bench, plan, results)
        hashed = machine.memory(bench.auth.pid)
        threads = max(1, len(bench.cores.server) - 1)
        above = hashed.resident - idle.resident - threads * _HASH_MIB
        results.say("memory_logins", above, f"{hashed.resident:.0f} MiB, {threads} hashing thread")
    if plan.workers and machine.choose_cores().are_apart:
        tell("workers")
        _workers(folder, plan, results)
    _conclude(results)
    return results


def _starts(folder: Path, plan: Plan, results: Results) -> None:
    cores, environment = machine.choose_cores(), settings(folder)
    seeding.seed(environment, people=1, families=1)
    # The first start of each is not counted: it compiles what later ones find compiled.
    for number in range(plan.starts + 1):
        for name, server in (("hello", servers.bare_server("hello", folder)), ("auth", servers.auth_server(environment, folder))):
            seconds = server.start(cores.server)
            server.stop()
            if number:
                results.note(f"start of {name}", seconds)
    results.say("start", results.of("start of auth"), f"median of {plan.starts}")


def _commits(folder: Path, plan: Plan, results: Results) -> None:
    for number in range(plan.rounds):
        committing = Committing(folder / f"commits-{number}", rotations=plan.rotations, at_once=_GROUPED_AT_ONCE)
        results.note("grouped", committing.grouped())
        results.note("one by one", committing.one_by_one())
        committing.close()


def _micro(raw: Raw, verifying: Verifying, results: Results) -> None:
    results.note("raw sign", raw.sign())
    results.note("raw verify", raw.verify())
    results.note("raw hash", raw.hash())
    results.note("verify by guard", verifying.different())
    results.note("verify remembered", verifying.remembered())
    results.note("verify 1 key", verifying.with_keys(many=False))
    results.note("verify 1000 keys", verifying.with_keys(many=True))


def _web(bench: Bench, tokens: list[str], seconds: float, results: Results) -> None:
    asked = {
        "hello": (bench.bare["hello"], bench.calls("hello", [])),
        "jwks": (bench.auth, bench.documents(JWKS)),
        "discovery": (bench.auth, bench.documents(DISCOVERY)),
        "client_credentials": (bench.auth, bench.tokens()),
        "one": (bench.auth, bench.tokens(connections=1)),
        "refresh": (bench.auth, bench.refreshes()),
        "open": (bench.bare["open"], bench.calls("open", tokens)),
        "cached": (bench.bare["cached"], bench.calls("cached", tokens)),
        "uncached": (bench.bare["uncached"], bench.calls("uncached", tokens)),
    }
    for name, (server, wanted) in asked.items():
        sample = bench.sample(server, wanted, seconds)
        results.note("others", sample.others)
        results.note(f"{name} cpu", sample.cpu_us)
        results.note(f"{name} rate", sample.outcome.rate)
        results.note(f"{name} p50", sample.outcome.p50_ms * 1000)
        results.note(f"{name} p99", sample.outcome.p99_ms * 1000)


def _under_load(bench: Bench, plan: Plan, results: Results) -> None:
    """Ask for the key set a hundred times a second: alone, while others want tokens, while others sign in."""
    probe = bench.documents(JWKS, rate=_PROBES_A_SECOND)
    for _ in range(plan.rounds):
        results.note("probe idle p99", max(_LEAST_US, load.start(probe, plan.seconds, bench.cores.load).outcome().p99_ms * 1000))
        tokens = load.start(bench.tokens(), plan.seconds + 1, bench.cores.load)
        results.note("probe tokens p50", load.start(probe, plan.seconds, bench.cores.load).outcome().p50_ms * 1000)
        tokens.outcome()
        # By our own client: it tells the sign-ins that were put off from those that were carried out.
        before = machine.cpu_seconds(bench.auth.pid)
        logins = load.start_own(bench.logins(), plan.seconds + 1, bench.cores.load)
        results.note(
            "probe logins p99", max(_LEAST_US, load.start(probe, plan.seconds, bench.cores.load).outcome().p99_ms * 1000)
        )
        outcome = logins.outcome(may_fail=True)
        results.note("login cpu", (machine.cpu_seconds(bench.auth.pid) - before) / outcome.answered * 1e6)
        results.note("login rate", outcome.rate)


def _workers(folder: Path, plan: Plan, results: Results) -> None:
    """One worker and two, on both cores, which the load shares with them."""
    cores = machine.choose_cores()
    for count, name in ((1, "1 worker"), (2, "2 workers")):
        environment = settings(folder, AUTH_SERVER_WORKERS=str(count))
        seeded = seeding.seed(environment, people=1, families=1)
        server = servers.auth_server(environment, folder)
        with servers.running(server, cores.all):
            bench = Bench(machine.Cores(cores.all, cores.all), server, {}, seeded)
            for _ in range(plan.rounds):
                outcome = bench.sample(server, bench.tokens(), plan.seconds).outcome
                results.note(name, outcome.rate)


def _conclude(results: Results) -> None:
    for key, (above, below, unit) in _RATIOS.items():
        if above in results.samples and below in results.samples:
            first, second = results.of(above), results.of(below)
            results.say(key, first / second, f"{_shown(first)} {unit} ÷ {_shown(second)} {unit}")


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
