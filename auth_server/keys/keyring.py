"""The keyring of this process: its view of the rings, the key that signs, and the key set that it publishes.

A view is good for W_sign to sign and for W_pub to publish, by the monotonic clock. A process that was paused for an hour therefore
wakes up and refuses, instead of signing under a key that was retired meanwhile or publishing a key that was burnt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from auth_server.clock import DatabaseClock
from auth_server.keys import jws
from auth_server.keys.active_key import ActiveKey
from auth_server.keys.bounded_threads import BoundedThreads
from auth_server.keys.choice import default_alg, why_it_cannot_sign
from auth_server.keys.custodians.contract import Custodian, Signer
from auth_server.keys.lifecycle import RotationPolicy, is_overdue
from auth_server.keys.published import PublishedKeys, publish, republish, size_warnings
from auth_server.keys.rollback import HOW_TO_GO_ON, RollbackWatch
from auth_server.keys.turns import Turns
from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.key_incidents import Halt
from auth_server.store.signing_keys import KeyState, RingView, SigningKey
from auth_server.store.store import Store
from shared.jose import ED25519, ES256, PS256, RS256

EVERY_ALGORITHM: Final = (RS256, PS256, ES256, ED25519)


@dataclass(frozen=True, slots=True)
class _View:
    """All of one reading; replaced whole, never changed.

    `published` is None when the database is known to be older than what was published, and what that was is not known here.
    """

    asked_at: float
    rings: tuple[RingView, ...]
    halt: Halt | None
    published: PublishedKeys | None
    active: Mapping[str, ActiveKey]
    default_alg: str
    faults: tuple[str, ...]


class Keyring:
    """Signs, and publishes what verifies. One for each process; `refresh` keeps it alive.

    Args:
        spare_core: a core is free beside the event loop's; then a thread signs what does not fit into a turn of the loop. A hop
            costs as much as a quarter of a signature, so without such a core it only takes time from the loop.
        algorithms: those this process signs with, the default one first; keys of other rings are published, and never opened.
        custodian_threads: where signatures are waited for that another machine or a device makes.
        watch: notices that the database was rolled back, and remembers what is published.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: DatabaseClock,
        custodians: Mapping[str, Custodian],
        policy: RotationPolicy,
        algorithms: Sequence[str] = EVERY_ALGORITHM,
        spare_core: bool = True,
        custodian_threads: BoundedThreads | None = None,
        watch: RollbackWatch | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._custodians = custodians
        self._policy = policy
        self._watch = watch or RollbackWatch(store)
        self._algorithms = tuple(algorithms)
        self._view: _View | None = None
        self._signers: dict[str, Signer] = {}
        self._turns = Turns()
        self._refreshing = asyncio.Lock()
        # Two signing threads gave three times the tail latency of one.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="signer") if spare_core else None
        # These wait, and compute nothing: how many they are says how many signatures an HSM or a KMS works on at once.
        self._custodian_threads = custodian_threads or BoundedThreads("custodian", threads=8, waiting=128, seconds=5.0)

    async def refresh(self) -> None:
        """Read the rings and take over what changed; private keys are opened once, also that of the standby.

        Raises:
            StoreUnavailable: the database did not answer; the last view goes on, and ages.
        """
        async with self._refreshing:
            # Before the question: the view is as old as that, however long the answer took.
            asked_at = self._clock.monotonic()
            sight = await self._watch.look()
            rings, halt = sight.rings, sight.halt
            faults = await self._open_signers(self._to_be_open(rings))
            published = await self._publish(rings, halt)
            self._view = _View(
                asked_at, rings, halt, published, self._active_keys(rings), default_alg(self._algorithms, rings), faults
            )

    async def closed_keys(self) -> tuple[str, ...]:
        """Return which keys that sign now or next do not open here, and why; the view stays as it is.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        rings = await self._store.read(lambda tx: tx.signing_keys.views())
        async with self._refreshing:
            return await self._open_signers(self._to_be_open(rings))

    async def sign(self, claims: Mapping[str, object], typ: str, alg: str | None = None) -> str:
        """Return a compact JWS of claims under the active key.

        The caller's `iat` was read before this call, and the lease is checked within it: no token is younger than the lease under
        which it was signed.

        Args:
            claims: the payload; `iat` and `exp` in database time.
            typ: the header's `typ`, such as `at+jwt`.
            alg: the algorithm that is asked for, and no other; None for the default one.

        Raises:
            KeyUnavailable: no view younger than W_sign, no active key for `alg` that opens, a wall clock that is off by more
                than the policy's clock error, or a custodian that did not sign in time.
        """
        key = self._usable_key(alg)
        if not key.signer.is_local:
            return await self._sign_elsewhere(claims, typ, alg)
        if self._turns.take():
            return key.sign(claims, typ)
        if self._thread is None:
            # The key is asked for again in that turn: the lease has to hold when the signature is made.
            return await self._turns.later(lambda: self._usable_key(alg).sign(claims, typ))
        signed = jws.signing_input(key.header(typ), claims)
        return jws.compact(signed, await asyncio.get_running_loop().run_in_executor(self._thread, key.signer.sign, signed))

    async def sign_at(self, build: Callable[[int], Mapping[str, object]], typ: str, alg: str | None = None) -> str:
        """Like `sign`, for claims that depend on the time: `build` is given `now` in seconds, read before the lease is checked."""
        return await self.sign(build(self._clock.now()), typ, alg)

    def default_alg(self) -> str:
        """Return the algorithm of a token for which none is asked.

        Raises:
            KeyUnavailable: the key ring was not read yet.
        """
        if self._view is None:
            raise KeyUnavailable("the key ring was not read yet")
        return self._view.default_alg

    def jwks(self) -> tuple[bytes, str]:
        """Return the body of the key set and its strong ETag.

        Raises:
            KeyUnavailable: no view younger than W_pub. A missing answer does no harm to whoever has a cache; an old one could undo
                a revocation.
        """
        published = self.published()
        return published.body, published.etag

    def published(self) -> PublishedKeys:
        """Return the key set with its epoch and the revoked kids.

        Raises:
            KeyUnavailable: like `jwks`.
        """
        view = self._view
        if view is None or self._age(view) > self._policy.timings.view_lease:
            raise KeyUnavailable("the view of the key ring is too old to publish")
        if view.published is None:
            raise KeyUnavailable(f"{_halted(view.halt)}, and what was published is not known here")
        return view.published

    def fault(self, alg: str | None = None) -> str | None:
        """Return why this process cannot sign now, for readiness; None when it can."""
        try:
            self._usable_key(alg)
        except KeyUnavailable as refusal:
            return str(refusal)
        return None

    def warnings(self) -> tuple[str, ...]:
        """Return what an operator should know although signing may still work: keys that do not open, rotation that stopped."""
        view = self._view
        if view is None:
            return ()
        now_ms = self._clock.now_ms()
        overdue = [
            f"the active key of the ring {ring.ring} is overdue" for ring in view.rings if is_overdue(ring, now_ms, self._policy)
        ]
        halted = [f"nothing is signed: {_halted(view.halt)}; {HOW_TO_GO_ON}"] if view.halt and view.halt.reason else []
        return (*halted, *view.faults, *overdue, *size_warnings(view.published))

    def close(self) -> None:
        """Stop the signing thread and forget the private keys."""
        if self._thread is not None:
            self._thread.shutdown()
        self._custodian_threads.close()
        self._view = None
        self._signers.clear()

    async def _sign_elsewhere(self, claims: Mapping[str, object], typ: str, alg: str | None) -> str:
        key, view = self._usable_key(alg), self._view
        signed = jws.signing_input(key.header(typ), claims)
        signature = await self._custodian_threads.run(key.signer.sign, signed)
        # Behind the wait once more: the lease has to hold when the signature is made, and the key may have been burnt meanwhile.
        if not self._is_leased(key, view) and self._usable_key(alg).kid != key.kid:
            raise KeyUnavailable(f"the lease on {key.kid} ended while its custodian was signing")
        return jws.compact(signed, signature)

    def _is_leased(self, key: ActiveKey, view: _View | None) -> bool:
        is_young = view is not None and self._age(view) <= self._policy.timings.sign_lease
        now = self._view
        return is_young and now is not None and now.published is not None and key.kid in now.published.kids

    async def _publish(self, rings: Sequence[RingView], halt: Halt | None) -> PublishedKeys | None:
        """Return the key set to serve; it is in the journal before anybody sees it."""
        published = publish(rings)
        if halt is not None and halt.reason is not None:
            last = await self._watch.last_published()
            if last is None:
                return None
            if last.epoch > published.epoch or last.revoked - set(published.revoked):
                return republish(last, rings)
        await self._watch.remember(published.body)
        before = None if self._view is None else self._view.published
        return before if before is not None and before.etag == published.etag else published

    def _usable_key(self, alg: str | None) -> ActiveKey:
        view = self._view
        if view is None:
            raise KeyUnavailable("the key ring was not read yet")
        if view.halt is not None:
            self._check_halt(view.halt)
        key = view.active.get(alg or view.default_alg)
        if key is None:
            asked = alg or view.default_alg
            reason = why_it_cannot_sign(asked, self._algorithms, view.rings, self._policy) or "; ".join(view.faults)
            raise KeyUnavailable(reason or f"no active key for the algorithm {asked}")
        error = self._clock.wall_clock_error()
        if abs(error) > self._policy.timings.clock_error:
            raise KeyUnavailable(f"this machine's clock is {error:+.0f} s off the database's")
        # Last, so that nothing stands between this reading of the clock and the signature but the signature's own input.
        age = self._age(view)
        if age > self._policy.timings.sign_lease:
            raise KeyUnavailable(f"the view of the key ring is {age:.0f} s old")
        return key

    def _check_halt(self, halt: Halt) -> None:
        if halt.reason is not None:
            raise KeyUnavailable(f"{_halted(halt)}; {HOW_TO_GO_ON}")
        left_ms = 0 if halt.signs_from is None else halt.signs_from - self._clock.now_ms()
        if left_ms > 0:
            raise KeyUnavailable(f"the restored key is published, and signs in {left_ms // 1000 + 1} s")

    def _age(self, view: _View) -> float:
        return self._clock.monotonic() - view.asked_at

    def _to_be_open(self, rings: Sequence[RingView]) -> list[SigningKey]:
        ours = [ring for ring in rings if ring.alg in self._algorithms]
        return [key for ring in ours for key in (ring.active, ring.pending) if key is not None]

    async def _open_signers(self, keys: Sequence[SigningKey]) -> tuple[str, ...]:
        faults = []
        for key in keys:
            if key.kid not in self._signers:
                try:
                    self._signers[key.kid] = await asyncio.to_thread(self._custodian(key).load, key)
                except KeyUnavailable as refusal:
                    faults.append(f"the {key.state.value} key {key.kid} cannot be used: {refusal}")
        for kid in self._signers.keys() - {key.kid for key in keys}:
            del self._signers[kid]
        return tuple(faults)

    def _custodian(self, key: SigningKey) -> Custodian:
        try:
            return self._custodians[key.custodian]
        except KeyError:
            raise KeyUnavailable(f"there is no custodian called {key.custodian}") from None

    def _active_keys(self, rings: Sequence[RingView]) -> dict[str, ActiveKey]:
        before = {} if self._view is None else self._view.active
        active = {}
        for ring in rings:
            for key in ring.keys:
                if key.state is KeyState.ACTIVE and key.kid in self._signers:
                    kept = before.get(key.alg)
                    active[key.alg] = (
                        kept if kept and kept.kid == key.kid else ActiveKey(key.kid, key.alg, self._signers[key.kid])
                    )
        return active


def _halted(halt: Halt | None) -> str:
    return "signing is halted" if halt is None or halt.reason is None else halt.reason
