"""How many signatures a second each custodian makes here: `python -m tests.support.custodian_speed`. The table of docs/custodians.md."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from auth_server.clock import DatabaseClock
from auth_server.keys.custodians.contract import Custodian, Signer
from auth_server.keys.keyring import Keyring
from auth_server.keys.lifecycle import RotationPolicy
from auth_server.keys.rotation import Rotation
from auth_server.store.engine import open_engines
from auth_server.store.store import Store
from shared.jose import RS256
from shared.key_policy import KeyPolicy
from tests.support.custodians import MAKES, Home, stored
from tests.support.hsm import an_hsm, find_softhsm
from tests.support.kms import a_kms
from tests.support.schema import build_schema

SECONDS = 2.0
THREADS = 8
CALLERS = 32
# As long as the header and claims of an access token.
MESSAGE = b"a" * 640


def in_turn(signer: Signer, until: float) -> int:
    count = 0
    while time.perf_counter() < until:
        signer.sign(MESSAGE)
        count += 1
    return count


def per_second(signer: Signer, threads: int) -> float:
    until = time.perf_counter() + SECONDS
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(lambda _: in_turn(signer, until), range(threads))) / SECONDS


async def tokens_per_second(folder: Path, custodian: Custodian) -> tuple[float, float]:
    """Return tokens a second of a keyring with many callers, and the 99th percentile of how long one waits, in milliseconds."""
    engines = open_engines(f"sqlite:///{folder / custodian.name}.sqlite3")
    build_schema(engines)
    store, policy = Store(engines, clock=DatabaseClock()), RotationPolicy(KeyPolicy())
    custodians = {custodian.name: custodian}
    await Rotation(store=store, custodians=custodians, policy=policy, alg=RS256, custodian=custodian.name).initialise()
    keyring = Keyring(store=store, clock=store.clock, custodians=custodians, policy=policy)
    await keyring.refresh()
    waits: list[float] = []

    async def ask(until: float) -> None:
        while (began := time.perf_counter()) < until:
            await keyring.sign({"sub": "alice", "iat": 0, "exp": 600, "padding": "a" * 300}, "at+jwt", RS256)
            waits.append(time.perf_counter() - began)
            await asyncio.sleep(0)

    until = time.perf_counter() + SECONDS
    await asyncio.gather(*(ask(until) for _ in range(CALLERS)))
    keyring.close()
    store.close()
    return len(waits) / SECONDS, sorted(waits)[len(waits) * 99 // 100] * 1000


@contextmanager
def homes(folder: Path) -> Iterator[list[Home]]:
    with ExitStack() as stack:
        found = [Home("local")]
        if (module := find_softhsm()) is not None:
            found.append(Home("pkcs11", pkcs11=stack.enter_context(an_hsm(module, folder))))
        found.append(Home("aws_kms", aws_kms=stack.enter_context(a_kms())))
        yield found


def main() -> None:
    with tempfile.TemporaryDirectory() as name, homes(Path(name)) as found:
        for home in found:
            custodian = home.custodian()
            for alg in (alg for maker, alg in MAKES if maker == home.name):
                began = time.perf_counter()
                key = custodian.generate("default", alg)
                made = time.perf_counter() - began
                signer = custodian.load(stored(key))
                one, many = per_second(signer, 1), per_second(signer, THREADS)
                print(
                    f"{home.name:8} {alg:8} make {made * 1000:6.0f} ms  1 thread {one:7.0f}/s  {THREADS} threads {many:7.0f}/s",
                    flush=True,
                )
            rate, p99 = asyncio.run(tokens_per_second(Path(name), custodian))
            print(f"{home.name:8} {RS256:8} keyring, {CALLERS} callers: {rate:.0f} tokens/s, p99 {p99:.1f} ms", flush=True)


if __name__ == "__main__":
    main()
