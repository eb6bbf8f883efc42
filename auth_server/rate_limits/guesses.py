"""The gate before every check of a secret that belongs to a person.

A guess is counted before the secret is looked at, in one transaction, and only then is it known whether it may go on; success gives
back what it was charged. On a device that the account knows, a guess has a counter to itself. On any other it passes three:

1. the circuit: failures everywhere. While there are more than it lets pass, an account that was not tried within a day makes the first
   try come back later, and each place has one failure at a time;
2. the place (a /24 or /56 network): failures there, at whatever accounts;
3. the account, or the name when there is no such account: the first few guesses are free, then delays double up to a minute.

It delays and never disables: whoever knows a name could otherwise lock its owner out. They are locked in this order everywhere.
"""

from __future__ import annotations

import hmac
import math
from dataclasses import dataclass, field
from typing import Final

from auth_server.protocol.errors import KeyUnavailable
from auth_server.protocol.secret import checked_key
from auth_server.rate_limits.addresses import place_of
from auth_server.rate_limits.known_devices import KnownDevices
from auth_server.store.attempts import Counted, Slowdown
from auth_server.store.transaction import Transaction
from auth_server.web.request_facts import RequestFacts

_CIRCUIT: Final = "circuit"


@dataclass(frozen=True, slots=True)
class GuessPolicy:
    """The numbers. Durations are in milliseconds.

    Attributes:
        slowdown: of guesses at one account, and of guesses at one account from one known device.
        place_burst, place_interval_ms: failures that one place may make at once, and the time in which it gets one more.
        circuit_burst, circuit_interval_ms: the same for all places together; raise these with the number of people who sign in.
        gate_ms: while the circuit is open, after how long a first try has to come back.
    """

    slowdown: Slowdown = field(default_factory=Slowdown)
    place_burst: int = 100
    place_interval_ms: int = 10_000
    circuit_burst: int = 150
    circuit_interval_ms: int = 1_000
    gate_ms: int = 10_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a guess may go on, and what it was charged.

    Attributes:
        admitted: the secret may be looked at.
        retry_after: seconds until a refused guess may come back, rounded up.
        refusals: how many guesses were refused there lately, this one included; 0 when admitted.
        gate: which one decided: `device`, `place`, `account`, or `circuit` when the account's was made stricter by it.
    """

    admitted: bool
    retry_after: int
    refusals: int
    gate: str
    counter: bytes = field(repr=False)
    counted: Counted | None = None
    place: bytes | None = field(default=None, repr=False)
    circuit_charged: bool = False

    @property
    def is_worth_recording(self) -> bool:
        """Say whether this refusal belongs in the audit log: the 1st, 2nd, 4th, 8th, …, so that no attacker can fill it."""
        return self.refusals > 0 and self.refusals & (self.refusals - 1) == 0


class GuessLimits:
    """Counts guesses at secrets. It needs a secret of the server, which marks known devices and hides the counters' keys.

    Args:
        device_key: that secret, at least 32 bytes; None when it is unsealed later (`use_key`). Without it nothing is admitted.
    """

    def __init__(self, device_key: bytes | None = None, policy: GuessPolicy | None = None) -> None:
        self._policy = policy or GuessPolicy()
        self._key: bytes | None = None
        if device_key is not None:
            self.use_key(device_key)

    def use_key(self, device_key: bytes) -> None:
        """Take over the secret. With another one, devices are no longer known and counters start anew.

        Raises:
            ValueError: it is shorter than 32 bytes.
        """
        self._key = checked_key(device_key)

    def admit(self, tx: Transaction, whose: str, facts: RequestFacts) -> Verdict:
        """Count a guess and say whether it may go on. The transaction must commit whatever the verdict is.

        Args:
            whose: `sub` of the account, or what was typed when there is none.

        Raises:
            KeyUnavailable: the server's secret is not unsealed.
        """
        device = self._devices().recognise(facts.known_device, whose, tx.clock.now())
        if device is not None:
            return self._admit_known(tx, self._digest("device", device.hex() + whose))
        return self._admit_unknown(tx, self._digest("secret", whose), self._digest("place", place_of(facts.address)))

    def succeed(self, tx: Transaction, verdict: Verdict) -> None:
        """Give back what an admitted guess was charged: it was right."""
        self._give_back_charges(tx, verdict.place, verdict.circuit_charged)
        tx.attempts.clear(verdict.counter)

    def withdraw(self, tx: Transaction, verdict: Verdict) -> None:
        """Give back what an admitted guess was charged: nobody looked at it after all."""
        self._give_back_charges(tx, verdict.place, verdict.circuit_charged)
        if verdict.counted is not None:
            tx.attempts.give_back(verdict.counter, verdict.counted)

    def forgive(self, tx: Transaction, sub: str) -> bool:
        """Forget the failures at an account, on devices it does not know; False when there were none."""
        return tx.attempts.clear(self._digest("secret", sub))

    def device_cookie(self, facts: RequestFacts, sub: str, now: int) -> str:
        """Return the known-device cookie's value after a sign-in."""
        return self._devices().remember(facts.known_device, sub, now)

    def key_of(self, kind: str, value: str) -> bytes:
        """Return the key of a counter of another kind, hidden by the same secret.

        Raises:
            KeyUnavailable: the server's secret is not unsealed.
        """
        return self._digest(kind, value)

    def _admit_known(self, tx: Transaction, counter: bytes) -> Verdict:
        counted = tx.attempts.count(counter, self._policy.slowdown, origin=b"")
        return _verdict(counted, "device", counter)

    def _admit_unknown(self, tx: Transaction, counter: bytes, place: bytes) -> Verdict:
        policy = self._policy
        # 1. The circuit.
        circuit = tx.attempts.charge(
            self._digest(_CIRCUIT, ""), interval_ms=policy.circuit_interval_ms, burst=policy.circuit_burst
        ).admitted
        # 2. The place, before anything is stored under a name of the guesser's choice: it bounds how many counters he can make.
        charged = tx.attempts.charge(place, interval_ms=policy.place_interval_ms, burst=policy.place_burst if circuit else 1)
        if not charged.admitted:
            self._give_back_charges(tx, None, circuit)
            return Verdict(False, _seconds(charged.wait_ms), charged.refusals, "place", counter)
        # 3. The account.
        gate_ms = 0 if circuit else policy.gate_ms
        counted = tx.attempts.count(counter, policy.slowdown, origin=place, gate_ms=gate_ms)
        if not counted.admitted:
            self._give_back_charges(tx, place, circuit)
            return _verdict(counted, "account" if circuit else "circuit", counter)
        return Verdict(True, 0, 0, "account", counter, counted, place, circuit)

    def _give_back_charges(self, tx: Transaction, place: bytes | None, circuit: bool) -> None:
        if circuit:
            tx.attempts.give_back_charge(self._digest(_CIRCUIT, ""), interval_ms=self._policy.circuit_interval_ms)
        if place is not None:
            tx.attempts.give_back_charge(place, interval_ms=self._policy.place_interval_ms)

    def _devices(self) -> KnownDevices:
        return KnownDevices(self._secret())

    def _secret(self) -> bytes:
        if self._key is None:
            raise KeyUnavailable("the secret that marks known devices is not unsealed")
        return self._key

    def _digest(self, kind: str, value: str) -> bytes:
        return hmac.digest(self._secret(), f"{kind}\0{value}".encode("utf-8", "surrogatepass"), "sha256")


def _verdict(counted: Counted, gate: str, counter: bytes) -> Verdict:
    refusals = 0 if counted.admitted else counted.refusals
    return Verdict(counted.admitted, _seconds(counted.wait_ms), refusals, gate, counter, counted)


def _seconds(milliseconds: int) -> int:
    return math.ceil(milliseconds / 1000)
