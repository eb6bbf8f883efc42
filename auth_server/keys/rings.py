"""All rings of an issuer: one for each algorithm it is configured for, each with keys of its own, and those it was configured for once.

A ring is called like its algorithm, so which of them is the default can change without touching a key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from auth_server.keys.custodians.contract import Custodian
from auth_server.keys.lifecycle import RotationPolicy, Step
from auth_server.keys.rollback import RollbackWatch
from auth_server.keys.rotation import Rotation, RotationRefused
from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.signing_keys import RingView
from auth_server.store.store import Store
from shared.jose import RS256

DEFAULT_ALGORITHMS: Final = (RS256,)


class Rings:
    """Brings every ring through its life. Any number of replicas may run it at once on one database.

    Args:
        algorithms: those this process is configured for, the default one first.
        custodian: who makes new keys.
    """

    def __init__(
        self,
        *,
        store: Store,
        custodians: Mapping[str, Custodian],
        policy: RotationPolicy,
        algorithms: Sequence[str] = DEFAULT_ALGORITHMS,
        custodian: str = "local",
        watch: RollbackWatch | None = None,
    ) -> None:
        self._store = store
        self._custodians = custodians
        self._policy = policy
        self._custodian = custodian
        self._watch = watch or RollbackWatch(store)
        # Of rings that this process is not configured for; kept, because a custodian may have to be asked again.
        self._others: dict[str, Rotation] = {}
        self._configured = {alg: self._rotation(alg, alg) for alg in algorithms}

    @property
    def default(self) -> Rotation:
        """The rotation of the default algorithm's ring."""
        return next(iter(self._configured.values()))

    async def initialise(self) -> None:
        """Make the rings that are missing, the default one first: in a new issuer that is the one that signs at once.

        Raises:
            KeyUnavailable, StoreUnavailable: like `Rotation.initialise`.
        """
        for rotation in self._configured.values():
            await rotation.initialise()

    async def tick(self) -> list[Step]:
        """Do what is due on every ring; return what this process itself did. A ring in trouble does not hold up the others.

        Raises:
            KeyUnavailable: the first trouble there was, when every ring has had its turn.
            StoreUnavailable: the database did not answer.
        """
        turns: list[Callable[[], Awaitable[list[Step]]]] = [rotation.initialise for rotation in self._configured.values()]
        turns += [self._other(view).wind_down for view in await self._views() if view.ring not in self._configured]
        done: list[Step] = []
        troubles: list[KeyUnavailable] = []
        for turn in turns:
            try:
                done += await turn()
            except KeyUnavailable as trouble:
                troubles.append(trouble)
        if troubles:
            raise troubles[0]
        return done

    def of(self, ring: str) -> Rotation:
        """Return the rotation of a ring that this process is configured for.

        Raises:
            RotationRefused: it is configured for no such ring.
        """
        rotation = self._configured.get(ring)
        if rotation is None:
            raise RotationRefused(f"there is no ring {ring} here; there is {', '.join(self._configured)}")
        return rotation

    def _other(self, view: RingView) -> Rotation:
        if view.ring not in self._others:
            self._others[view.ring] = self._rotation(view.ring, view.alg)
        return self._others[view.ring]

    async def _views(self) -> list[RingView]:
        return await self._store.read(lambda tx: tx.signing_keys.views())

    def _rotation(self, ring: str, alg: str) -> Rotation:
        return Rotation(
            store=self._store,
            custodians=self._custodians,
            policy=self._policy,
            ring=ring,
            alg=alg,
            custodian=self._custodian,
            watch=self._watch,
        )
