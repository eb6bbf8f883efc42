"""What is tried, and what must hold: nothing broken passes, nothing is raised but what is declared, time and memory are bounded."""

from __future__ import annotations

import ctypes
import json
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet as OtherKeySet
from joserfc.jws import JWSRegistry

from resource_server.verifier.errors import TokenRefused
from resource_server.verifier.key_set import KeySet, parse_key_set
from resource_server.verifier.policy import Policy
from resource_server.verifier.token import VerifiedToken
from resource_server.verifier.verify import verify
from tests.fuzz import mutations
from tests.fuzz.mutations import ALGORITHMS
from tests.resource_server.support import AUDIENCE, ISSUER, NOW

# RFC 7515 section 4 has unknown header members ignored; by default the other verifier refuses them.
_LENIENT: Final = JWSRegistry(algorithms=["RS256", "ES256", "Ed25519"], strict_check_header=False)
MOST_SECONDS: Final = 0.005
MOST_BYTES: Final = 1_000_000
_MOST_GROWTH_KIB: Final = 8 * 1024
# What a slow machine or another program adds is gone when the same bytes are tried again.
_AGAIN: Final = 5
_MEMORY_EVERY: Final = 500
# After this part of the inputs the process has the size that it should keep: what large mutants need was needed by then.
_SETTLED: Final = 4


@dataclass
class Outcome:
    """What came of many inputs. `wrong`: a few of those that broke a rule."""

    name: str
    tried: int = 0
    accepted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    slowest_ms: float = 0.0
    largest_bytes: int = 0
    growth_kib: int = 0
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Return the line that is printed."""
        reasons = ", ".join(f"{name} {count:,}" for name, count in self.reasons.most_common())
        return (
            f"{self.name:<13} {'ok  ' if not self.wrong else 'FAIL'} {self.tried:,} tried, {self.accepted:,} accepted, "
            f"slowest {self.slowest_ms:.2f} ms, largest {self.largest_bytes:,} bytes, grown {self.growth_kib:,} KiB; {reasons}"
            + "".join(f"\n  WRONG {sentence}" for sentence in self.wrong[:10])
        )


class Kit:
    """The kit's verifier, and the other one, with the same keys and the same rules."""

    def __init__(self) -> None:
        self.policy = Policy(ISSUER, frozenset({AUDIENCE}), ALGORITHMS)
        self._document = mutations.key_set_document()
        self.key_set: KeySet = parse_key_set(self._document, ALGORITHMS)
        keys = [key for key in json.loads(self._document)["keys"] if key["kid"] != "burned"]
        self._others = OtherKeySet.import_key_set({"keys": keys})
        essential: Any = {"essential": True}
        required = dict.fromkeys(("sub", "client_id", "jti", "iat", "exp"), essential)
        self._registry = jwt.JWTClaimsRegistry(
            now=NOW,
            leeway=60,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            **required,
        )

    def verify(self, token: bytes) -> VerifiedToken:
        """Verify as the kit does."""
        return verify(token, self.key_set, self.policy, NOW)

    def other_accepts(self, token: bytes) -> dict[str, Any] | None:
        """Return the claims that the second verifier read, or None if it refuses."""
        try:
            decoded = jwt.decode(token, self._others, registry=_LENIENT)
            self._registry.validate(decoded.claims)
        except (JoseError, ValueError, TypeError, KeyError):
            return None
        if str(decoded.header.get("typ")).lower() not in {"at+jwt", "application/at+jwt"}:
            return None
        return decoded.claims


def totality(count: int, seed: int) -> Outcome:
    """Try broken tokens: each must be refused, by a declared refusal, within its time and memory."""
    kit, outcome = Kit(), Outcome("broken tokens")
    for token in mutations.corpus():
        kit.verify(token)

    def judge(token: bytes) -> None:
        try:
            kit.verify(token)
        except TokenRefused as refusal:
            outcome.reasons[refusal.reason] += 1
            return
        outcome.accepted += 1
        outcome.wrong.append(f"accepted {token!r}")

    _drive(outcome, count, seed, mutations.broken, judge)
    return outcome


def difference(count: int, seed: int) -> Outcome:
    """Try odd tokens, validly signed: what the kit accepts the second verifier accepts too, and reads the same claims in it."""
    kit, outcome = Kit(), Outcome("odd tokens")

    def judge(token: bytes) -> None:
        try:
            verified = kit.verify(token)
        except TokenRefused as refusal:
            outcome.reasons[refusal.reason] += 1
            return
        outcome.accepted += 1
        other = kit.other_accepts(token)
        if other is None:
            outcome.wrong.append(f"the other verifier refuses {token!r}")
        elif json.dumps(other) != json.dumps(verified.claims):
            outcome.wrong.append(f"the other verifier reads other claims in {token!r}")

    _drive(outcome, count, seed, mutations.odd, judge)
    if count >= 100 and not outcome.accepted:
        outcome.wrong.append("nothing was accepted, so nothing was compared")
    return outcome


def key_sets(count: int, seed: int) -> Outcome:
    """Try spoiled key sets: read, or refused by `ValueError`; nothing private or symmetric is ever loaded."""
    outcome = Outcome("key sets")

    def judge(document: bytes) -> None:
        try:
            key_set = parse_key_set(document, ALGORITHMS)
        except ValueError:
            outcome.reasons["refused"] += 1
            return
        outcome.accepted += 1
        outcome.reasons[f"{len(key_set.keys)} keys"] += 1
        if any({"d", "k", "p"} & key.jwk.keys() for key in key_set.keys.values()):
            outcome.wrong.append(f"loaded private material of {document!r}")

    _drive(outcome, count, seed, mutations.key_sets, judge)
    return outcome


def _drive(outcome: Outcome, count: int, seed: int, make: Callable[[Random], bytes], judge: Callable[[bytes], None]) -> None:
    random = Random(seed)
    resident = 0
    for number in range(count):
        if number == count // _SETTLED:
            resident = _resident_kib()
        given = make(random)
        outcome.tried += 1
        try:
            took = _timed(judge, given)
        except Exception as error:  # noqa: BLE001  # anything else than a declared refusal is what this looks for
            outcome.wrong.append(f"{type(error).__name__}: {error} for {given[:2000]!r}")
            continue
        if took > MOST_SECONDS:
            took = _quickest(judge, given, outcome)
        outcome.slowest_ms = max(outcome.slowest_ms, took * 1000)
        if took > MOST_SECONDS:
            outcome.wrong.append(f"{took * 1000:.1f} ms for {given[:2000]!r}")
        if number % _MEMORY_EVERY == 0:
            _measure(judge, given, outcome)
    outcome.growth_kib = max(0, _resident_kib() - resident)
    if outcome.growth_kib > _MOST_GROWTH_KIB:
        outcome.wrong.append(f"the process grew by {outcome.growth_kib:,} KiB")


def _resident_kib() -> int:
    """Return the size of this process, or 0 where the kernel does not tell; without what is free and was not given back yet."""
    # glibc alone keeps it, tens of MiB of it after large mutants, and can be told to give it back.
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
    told = Path("/proc/self/statm")
    return int(told.read_text(encoding="ascii").split()[1]) * 4 if told.exists() else 0


def _timed(judge: Callable[[bytes], None], given: bytes) -> float:
    began = time.thread_time_ns()
    judge(given)
    return (time.thread_time_ns() - began) / 1e9


def _quickest(judge: Callable[[bytes], None], given: bytes, outcome: Outcome) -> float:
    counted, accepted, wrong = outcome.reasons.copy(), outcome.accepted, len(outcome.wrong)
    took = min(_timed(judge, given) for _ in range(_AGAIN))
    outcome.reasons, outcome.accepted = counted, accepted
    del outcome.wrong[wrong:]
    return took


def _measure(judge: Callable[[bytes], None], given: bytes, outcome: Outcome) -> None:
    counted, accepted, wrong = outcome.reasons.copy(), outcome.accepted, len(outcome.wrong)
    tracemalloc.start()
    try:
        judge(given)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    outcome.reasons, outcome.accepted = counted, accepted
    del outcome.wrong[wrong:]
    outcome.largest_bytes = max(outcome.largest_bytes, peak)
    if peak > MOST_BYTES:
        outcome.wrong.append(f"{peak:,} bytes for {given[:2000]!r}")
