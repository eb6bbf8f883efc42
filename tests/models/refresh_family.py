"""A model of one refresh family: what presenting a generation means, and everybody who may present one.

Time is a whole number. A family is explored breadth-first over every interleaving of an honest client with several tabs that share
one stored token, a server that may be killed before or after it commits, answers that get lost, and a thief with a copy.

What must hold:

    P1 without a theft no interleaving ends the family, provided that a request is handled within D <= G of being sent, that the client
       stops retrying a token that was replaced more than GL - D ago, and that each retry sends what is stored by then
    P2 no generation is accepted later than GL + G after it was replaced
    P3 nothing is accepted once the family has ended
    P4 nothing but the current and the previous generation is ever accepted
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

LONG_AGO = -1_000_000


class Meaning(StrEnum):
    """What presenting a generation means."""

    ROTATE = "rotate"
    REPEAT = "repeat"
    REPLAY = "replay"
    REUSE = "reuse"
    AHEAD = "ahead"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Rules:
    """The design, and a switch for each way to get it wrong."""

    quiet: int = 1
    grace: int = 3
    rotates_at_once: bool = False
    replays: bool = True
    one_short_grace: bool = False
    parent_for_ever: bool = False
    replay_extends: bool = False
    any_ancestor: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """The family: its generation, when that was made and last handed out, and whether it was presented yet."""

    seq: int = 0
    rotated_at: int = LONG_AGO
    issued_at: int = LONG_AGO
    seen: bool = False
    ended: bool = False


def present(row: Row, generation: int, now: int, rules: Rules, replaced: dict[int, int] | None = None) -> tuple[Meaning, Row]:
    """Return what presenting a generation means, and the row afterwards. `replaced` says when each old generation was replaced."""
    if row.ended:
        return Meaning.OVER, row
    if generation > row.seq:
        return Meaning.AHEAD, row
    if generation == row.seq:
        return _current(row, now, rules)
    if rules.any_ancestor and now - (replaced or {})[generation] <= rules.quiet:
        return Meaning.REPLAY, row
    if generation == row.seq - 1 and rules.replays and (accepted := _previous(row, now, rules)) is not None:
        return Meaning.REPLAY, accepted
    return Meaning.REUSE, replace(row, ended=True)


def _current(row: Row, now: int, rules: Rules) -> tuple[Meaning, Row]:
    if row.seq > 0 and not rules.rotates_at_once and now - row.issued_at <= rules.quiet:
        return Meaning.REPEAT, replace(row, seen=True)
    return Meaning.ROTATE, Row(row.seq + 1, rotated_at=now, issued_at=now)


def _previous(row: Row, now: int, rules: Rules) -> Row | None:
    if rules.parent_for_ever:
        return row
    if not row.seen:
        within = now - row.rotated_at <= (rules.quiet if rules.one_short_grace else rules.grace)
        return replace(row, issued_at=now) if within else None
    if now - row.issued_at > rules.quiet:
        return None
    return replace(row, issued_at=now) if rules.replay_extends else row


@dataclass(frozen=True, slots=True)
class World:
    """One moment: the row, when generations were replaced, what the client has stored and sent, and what the thief has."""

    now: int = 0
    row: Row = Row()
    replaced: tuple[int, ...] = ()
    stored: int = 0
    sent: tuple[tuple[int, int], ...] = ()
    stolen: int | None = None


Serve = Callable[[Row, int, int, Rules, dict[int, int] | None], tuple[Meaning, Row]]


class Broken(Exception):
    """A property does not hold; the text says which, and where."""


@dataclass(frozen=True, slots=True)
class Exploration:
    """The bounds of one search. `serve` answers what presenting a generation does: these rules, or a server that is to follow them."""

    rules: Rules = Rules()
    latency: int = 1
    horizon: int = 7
    tabs: int = 2
    generations: int = 2
    thief: bool = False
    serve: Serve = present

    def served_by(self, serve: Serve) -> Exploration:
        """Return the same search of somebody else's answers."""
        return replace(self, serve=serve)

    def run(self) -> int:
        """Visit every moment that can be reached; return how many there are.

        Raises:
            Broken: one of them breaks a property.
        """
        first = World()
        known, waiting = {first}, deque([first])
        while waiting:
            for moment in self._next(waiting.popleft()):
                if moment not in known:
                    known.add(moment)
                    waiting.append(moment)
        return len(known)

    def _next(self, world: World) -> Iterator[World]:
        if len(world.sent) < self.tabs and world.row.seq < self.generations and self._may_send(world):
            yield replace(world, sent=tuple(sorted((*world.sent, (world.stored, world.now)))))
        for request in set(world.sent):
            yield from self._served(world, request)
        if self.thief:
            yield from self._theft(world)
        if world.now < self.horizon and all(world.now < when + self.latency for _, when in world.sent):
            yield replace(world, now=world.now + 1)

    def _may_send(self, world: World) -> bool:
        if world.stored >= len(world.replaced):
            return True
        return world.now + self.latency <= world.replaced[world.stored] + self.rules.grace

    def _served(self, world: World, request: tuple[int, int]) -> Iterator[World]:
        others = list(world.sent)
        others.remove(request)
        without = replace(world, sent=tuple(others))
        yield without  # killed before the commit
        meaning, after = self._presented(without, request[0])
        if meaning is Meaning.REUSE and world.stolen is None:
            raise Broken(f"P1 at {world.now}: an honest request for generation {request[0]} ended the family at {world.row}")
        yield after  # killed after the commit: the answer is lost
        if meaning in _ACCEPTED:
            yield replace(after, stored=max(after.stored, after.row.seq))

    def _theft(self, world: World) -> Iterator[World]:
        if world.stolen is None:
            yield replace(world, stolen=world.stored)
        elif world.row.seq < self.generations:
            meaning, after = self._presented(world, world.stolen)
            yield after
            if meaning in _ACCEPTED:
                yield replace(after, stolen=after.row.seq)

    def _presented(self, world: World, generation: int) -> tuple[Meaning, World]:
        meaning, row = self.serve(world.row, generation, world.now, self.rules, dict(enumerate(world.replaced)))
        if meaning in _ACCEPTED:
            self._check(world, generation)
        replaced = (*world.replaced, world.now) if meaning is Meaning.ROTATE else world.replaced
        return meaning, replace(world, row=row, replaced=replaced)

    def _check(self, world: World, generation: int) -> None:
        if world.row.ended:
            raise Broken(f"P3 at {world.now}: generation {generation} was accepted after the end")
        if generation < world.row.seq - 1:
            raise Broken(f"P4 at {world.now}: generation {generation} was accepted, the current one is {world.row.seq}")
        if generation < world.row.seq and world.now - world.replaced[generation] > self.rules.grace + self.rules.quiet:
            raise Broken(f"P2 at {world.now}: generation {generation} was replaced at {world.replaced[generation]}")


_ACCEPTED = frozenset({Meaning.ROTATE, Meaning.REPEAT, Meaning.REPLAY})
