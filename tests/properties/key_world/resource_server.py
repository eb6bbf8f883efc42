"""One resource server: the kit's own cache and verifier, driven as its source and its guard drive them, without their thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from auth_server.protocol.errors import KeyUnavailable
from resource_server.jwks.cache import KeyCache, Landing, Step
from resource_server.verifier.errors import KeysUnavailable, TokenRefused, UnknownKey
from resource_server.verifier.key_set import KeySet, parse_key_set
from resource_server.verifier.policy import Policy
from resource_server.verifier.verify import verify
from shared.jose import ED25519
from tests.properties.key_world.replica import AUDIENCE
from tests.support.clock import FakeClock
from tests.support.keys import ISSUER

_ALGORITHMS: Final = frozenset({ED25519})


class ResourceServer:
    """Its keys, its clock, and whether it can reach the issuer.

    Attributes:
        error: seconds by which its wall clock is ahead.
        epochs: of the sets it took, in that order; `held` their kids.
        told: kids of which an answer once said that they are burned.
    """

    def __init__(
        self, world: FakeClock, *, leeway: int, refresh: float, max_stale: float, jitter: float, cache: type[KeyCache] = KeyCache
    ) -> None:
        self.cache = cache(refresh, max_stale, lambda: jitter)
        self.error = 0
        self.is_cut_off = False
        self.epochs: list[int] = []
        self.held: list[frozenset[str]] = []
        self.told: set[str] = set()
        self._judged_by: KeySet | None = None
        self._judged_at: tuple[bool, int] | None = None
        self._judgements: dict[str, TokenRefused | None] = {}
        self._world = world
        self._policy = Policy(ISSUER, frozenset({AUDIENCE}), _ALGORITHMS, leeway)

    def monotonic(self) -> float:
        """Return its monotonic clock."""
        return self._world.monotonic()

    def now(self) -> int:
        """Return its wall clock in whole seconds."""
        return self._world.ms // 1000 + self.error

    @property
    def is_healthy(self) -> bool:
        """Whether its keys are younger than M."""
        return self.monotonic() < self.cache.view.degraded_from

    def judge(self, token: str) -> TokenRefused | None:
        """Return why it refuses a token with the keys at hand; None when it accepts.

        It is a function of the token, the view and the times: as long as these are the same, it is asked once.
        """
        view = self.cache.view
        is_usable = self.monotonic() < view.unusable_from
        given = (is_usable, self.now())
        if view.key_set is not self._judged_by or given != self._judged_at:
            self._judged_by, self._judged_at, self._judgements = view.key_set, given, {}
        if token not in self._judgements:
            self._judgements[token] = self._verified(token) if is_usable else KeysUnavailable("too old")
        return self._judgements[token]

    def _verified(self, token: str) -> TokenRefused | None:
        view = self.cache.view
        try:
            verify(token.encode("ascii"), view.key_set, self._policy, self.now())
        except TokenRefused as refusal:
            return refusal
        return None

    def present(self, token: str, kid: str, ask: Callable[[], bytes]) -> TokenRefused | None:
        """Present a token as a request does: an unknown key may be worth a fetch."""
        refusal = self.judge(token)
        if not isinstance(refusal, UnknownKey | KeysUnavailable):
            return refusal
        try:
            if self.cache.plan(kid, self.monotonic()) is Step.FETCH:
                self.depart(demanded=True)
                self.land(ask)
                self.cache.settle(kid, self.monotonic(), answered=True)
        except TokenRefused as settled:
            return settled
        return self.judge(token)

    def depart(self, *, demanded: bool = False) -> None:
        """Send the request for keys."""
        self.cache.depart(self.monotonic(), demanded=demanded)

    def land(self, ask: Callable[[], bytes]) -> None:
        """Take the answer, or note that there is none."""
        try:
            key_set = None if self.is_cut_off else parse_key_set(ask(), _ALGORITHMS)
        except (KeyUnavailable, ValueError):
            key_set = None
        if key_set is None:
            self.cache.fail(self.monotonic())
        elif self.cache.land(key_set, self.monotonic()) is not Landing.OLDER_EPOCH:
            self._note(key_set)

    def _note(self, key_set: KeySet) -> None:
        assert key_set.epoch is not None
        self.told |= key_set.revoked
        self.epochs.append(key_set.epoch)
        self.held.append(frozenset(self.cache.view.key_set.keys))
