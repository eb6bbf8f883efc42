"""A model of rotating signing keys, explored over every interleaving of one database, replicas that work from a leased view, resource
servers that hold a copy of the key set, and tokens, under clocks that are wrong by up to ε.

Time is a whole number of ticks. Views and copies age on the monotonic clock; only `iat` and `exp` are read from a clock that is wrong.
Within a tick everything may happen in any order. A resource server is healthy: time stands still until its refresh is made.

What must hold, with A the life of a token, L the leeway, M the longest time between two refreshes:

    K1 a token that no clock within ε calls expired is accepted by every resource server, unless its key was burned
    K2 no token under a burned key is accepted later than X after it was burned
    K3 exactly one key is active

They do, exactly when

    L >= 2 ε        the two clocks may be wrong in opposite directions
    N >  W_pub + M  strictly: the refresh and the first signature may fall on one tick, in either order
    V >= W_sign + A + L + 2 ε
    X >= W_pub + M
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

NONE, PENDING, ACTIVE, RETIRING, GONE, BURNED = range(6)
_PUBLISHED = frozenset({PENDING, ACTIVE, RETIRING})
# Two tokens at a time: any rejection needs one, and a second shows that nothing depends on there being no other.
_TOKENS = 2

Keys = tuple[tuple[int, int], ...]
States = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Timings:
    """Durations in ticks, and two switches for ways to get it wrong."""

    publish_ahead: int
    retire_after: int
    sign_lease: int = 1
    view_lease: int = 1
    refresh: int = 2
    lifetime: int = 2
    leeway: int = 0
    clock_error: int = 0
    accepts_burned_for: int | None = None
    merges: bool = False


def smallest(**given: int) -> Timings:
    """Return the smallest timings that the inequalities allow around those that are given."""
    bare = Timings(0, 0, **given)
    ahead = bare.view_lease + bare.refresh + 1
    after = bare.sign_lease + bare.lifetime + bare.leeway + 2 * bare.clock_error
    return replace(bare, publish_ahead=ahead, retire_after=after, accepts_burned_for=bare.view_lease + bare.refresh)


class Moment(NamedTuple):
    """Everything at one time.

    `keys` holds the state of each key and since when; `views` and `copies` hold an age and what was seen then; `tokens` the key and the
    `iat` of each token that somebody may still accept.
    """

    now: int
    keys: Keys
    views: tuple[tuple[int, States], ...]
    copies: tuple[tuple[int, frozenset[int]], ...]
    tokens: frozenset[tuple[int, int]]
    burned_at: int | None


class Broken(Exception):
    """A property does not hold; the text says which, and where."""


@dataclass(frozen=True, slots=True)
class Exploration:
    """The bounds of one search."""

    timings: Timings
    horizon: int
    replicas: int = 2
    servers: int = 1
    keys: int = 3
    rotation_period: int = 2
    burns: bool = False

    def run(self) -> int:
        """Visit every moment that can be reached, for each way in which the clocks may be wrong; return how many there are.

        Raises:
            Broken: one of them breaks a property.
        """
        eps = self.timings.clock_error
        errors = sorted({-eps, 0, eps})
        machines = product(product(errors, repeat=self.replicas), product(errors, repeat=self.servers))
        return sum(_Search(self, signers, servers).run() for signers, servers in machines)


class _Search:
    """One search, with the clock errors of each replica and each resource server fixed."""

    def __init__(self, bounds: Exploration, signers: tuple[int, ...], servers: tuple[int, ...]) -> None:
        self.bounds, self.t = bounds, bounds.timings
        self.signers, self.servers = signers, servers
        self.oldest = max(self.t.sign_lease, self.t.view_lease) + 1

    def run(self) -> int:
        keys = ((ACTIVE, 0),) + ((NONE, 0),) * (self.bounds.keys - 1)
        seen = tuple(state for state, _ in keys)
        views = ((0, seen),) * self.bounds.replicas
        first = Moment(0, keys, views, ((0, frozenset({0})),) * self.bounds.servers, frozenset(), None)
        known, waiting = {first}, deque([first])
        while waiting:
            moment = waiting.popleft()
            self._check(moment)
            for after in self._next(moment):
                if after not in known:
                    known.add(after)
                    waiting.append(after)
        return len(known)

    def _next(self, at: Moment) -> Iterator[Moment]:
        for keys, burned_at in self._changes(at):
            yield at._replace(keys=keys, burned_at=burned_at)
        yield from self._readings(at)
        if len(at.tokens) < _TOKENS:
            yield from self._signatures(at)
        yield from self._fetches(at)
        if at.now < self.bounds.horizon and all(age < self.t.refresh for age, _ in at.copies):
            yield self._tick(at)

    def _changes(self, at: Moment) -> Iterator[tuple[Keys, int | None]]:
        """What a compare-and-set on the database may do."""
        states = [state for state, _ in at.keys]
        active = states.index(ACTIVE)
        if PENDING not in states:
            if NONE in states:
                yield _with(at.keys, {states.index(NONE): (PENDING, at.now)}), at.burned_at
        else:
            standby = states.index(PENDING)
            if at.now - at.keys[standby][1] >= self.t.publish_ahead:
                if at.now - at.keys[active][1] >= self.bounds.rotation_period:
                    yield _with(at.keys, {active: (RETIRING, at.now), standby: (ACTIVE, at.now)}), at.burned_at
                if self.bounds.burns and at.burned_at is None:
                    yield _with(at.keys, {active: (BURNED, at.now), standby: (ACTIVE, at.now)}), at.now
        for number, (state, since) in enumerate(at.keys):
            if state == RETIRING and at.now - since >= self.t.retire_after:
                yield _with(at.keys, {number: (GONE, 0)}), at.burned_at

    def _readings(self, at: Moment) -> Iterator[Moment]:
        fresh = (0, tuple(state for state, _ in at.keys))
        for number, view in enumerate(at.views):
            if view != fresh:
                yield at._replace(views=_with(at.views, {number: fresh}))

    def _signatures(self, at: Moment) -> Iterator[Moment]:
        for (age, seen), error in zip(at.views, self.signers, strict=True):
            if age <= self.t.sign_lease:
                token = (seen.index(ACTIVE), at.now + error)
                if token not in at.tokens:
                    yield at._replace(tokens=at.tokens | {token})

    def _fetches(self, at: Moment) -> Iterator[Moment]:
        published = {
            frozenset(number for number, state in enumerate(seen) if state in _PUBLISHED)
            for age, seen in at.views
            if age <= self.t.view_lease
        }
        for number, held in enumerate(at.copies):
            for kids in published:
                copy = (0, kids | held[1] if self.t.merges else kids)
                if copy != held:
                    yield at._replace(copies=_with(at.copies, {number: copy}))

    def _tick(self, at: Moment) -> Moment:
        now = at.now + 1
        # A token stays while the slowest clock of all may still accept it.
        last = self.t.lifetime + self.t.leeway + self.t.clock_error
        return at._replace(
            now=now,
            views=tuple((min(age + 1, self.oldest), seen) for age, seen in at.views),
            copies=tuple((age + 1, kids) for age, kids in at.copies),
            tokens=frozenset(token for token in at.tokens if now < token[1] + last),
        )

    def _check(self, at: Moment) -> None:
        if sum(state == ACTIVE for state, _ in at.keys) != 1:
            raise Broken(f"K3 at {at.now}: {at.keys}")
        for (_, kids), error in zip(at.copies, self.servers, strict=True):
            clock = at.now + error
            for key, issued_at in at.tokens:
                if clock < issued_at + self.t.lifetime + self.t.leeway:
                    self._judge(at, key, issued_at, clock, known=key in kids)

    def _judge(self, at: Moment, key: int, issued_at: int, clock: int, *, known: bool) -> None:
        burned = at.keys[key][0] == BURNED
        if issued_at > clock + self.t.leeway:
            raise Broken(f"K1 at {at.now}: a token of {issued_at} is from the future at {clock}")
        if not known and not burned:
            raise Broken(f"K1 at {at.now}: a token of {issued_at} under the key {key} is refused; {at.keys}")
        if known and at.burned_at is not None and burned and self.t.accepts_burned_for is not None:
            after = at.now - at.burned_at
            if after > self.t.accepts_burned_for:
                raise Broken(f"K2 at {at.now}: a token under the key {key} is accepted {after} after it was burned")


def _with(values: tuple, changes: dict[int, tuple]) -> tuple:
    return tuple(changes.get(number, value) for number, value in enumerate(values))


_SKEWED = smallest(clock_error=1, leeway=2)
_BURNING = smallest(view_lease=0, lifetime=4)
# Exact bounds, and each one tick beyond; `AS_DESIGNED` of the suite, then the bounds of `make drills-full`.
AS_DESIGNED = {
    "exact bounds": Exploration(smallest(), horizon=8),
    "clocks wrong by a tick": Exploration(_SKEWED, horizon=7, keys=2, replicas=1),
    "a key is burned": Exploration(_BURNING, horizon=8, keys=2, burns=True),
}
AS_DESIGNED_IN_FULL = {
    "exact bounds": Exploration(smallest(), horizon=12),
    "clocks wrong by a tick": Exploration(_SKEWED, horizon=12, keys=2, replicas=1),
    "a key is burned": Exploration(_BURNING, horizon=10, keys=2, burns=True),
    "two resource servers": Exploration(smallest(), horizon=7, servers=2, replicas=1),
}
WRONG = {
    "N one tick short": (Exploration(replace(smallest(), publish_ahead=3), horizon=12), "K1"),
    "no pre-publication": (Exploration(replace(smallest(), publish_ahead=0), horizon=8), "K1"),
    "V one tick short": (Exploration(replace(smallest(), retire_after=2), horizon=12), "K1"),
    "V one tick short, clocks wrong": (
        Exploration(replace(_SKEWED, retire_after=_SKEWED.retire_after - 1), horizon=13, keys=2, replicas=1),
        "K1",
    ),
    "L less than twice the error": (Exploration(smallest(clock_error=1, leeway=1), horizon=10, keys=2, replicas=1), "K1"),
    "X one tick tighter": (
        Exploration(replace(_BURNING, accepts_burned_for=1), horizon=10, keys=2, burns=True),
        "K2",
    ),
    "merge instead of replace": (Exploration(replace(_BURNING, merges=True), horizon=10, keys=2, burns=True), "K2"),
}
