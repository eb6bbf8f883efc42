"""Signing keys and rings as values: what a custodian made, what a row says, and a ring as one statement saw it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class KeyState(StrEnum):
    """Where a key stands in its life; `keys/lifecycle.py` has the rules."""

    PENDING = "pending"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"
    COMPROMISED = "compromised"
    IMPORTED_VERIFY_ONLY = "imported"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that a custodian made and nobody has stored yet. `private_ref` is its sealed private half, or its name in a KMS."""

    kid: str
    ring: str
    alg: str
    public_jwk: Mapping[str, str]
    custodian: str
    private_ref: bytes = field(repr=False)
    kek_id: str | None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key. Times are milliseconds since the epoch, database clock; `private_ref` is gone once it was erased."""

    kid: str
    ring: str
    state: KeyState
    alg: str
    public_jwk: Mapping[str, str]
    custodian: str
    private_ref: bytes | None = field(repr=False)
    kek_id: str | None
    created_at: int
    published_at: int
    activated_at: int | None = None
    retired_at: int | None = None
    erased_at: int | None = None
    tombstoned_at: int | None = None
    not_after: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RingView:
    """One ring as one statement saw it: its epoch, every key that is not retired, and the database's time.

    `wanted_at` is when a replica that is configured for the ring last said so; a ring that nobody wants any more is closed.
    """

    ring: str
    alg: str
    epoch: int
    active_kid: str | None
    keys: tuple[SigningKey, ...]
    now_ms: int
    wanted_at: int = 0

    @property
    def active(self) -> SigningKey | None:
        """The key that signs."""
        return next((key for key in self.keys if key.state is KeyState.ACTIVE), None)

    @property
    def pending(self) -> SigningKey | None:
        """The standby."""
        return next((key for key in self.keys if key.state is KeyState.PENDING), None)
