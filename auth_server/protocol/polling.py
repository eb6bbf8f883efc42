"""What a device hears when it asks whether it was approved (RFC 8628 section 3.5)."""

from __future__ import annotations

from enum import Enum
from typing import Final

# RFC 8628 section 3.2: five seconds when nothing is said; section 3.5: each slow_down adds five for good.
INTERVAL_SECONDS: Final = 5
SLOWER_SECONDS: Final = 5


class Poll(Enum):
    """The verdict on one poll."""

    REDEEM = "redeem"
    PENDING = "pending"
    SLOW_DOWN = "slow_down"
    DENIED = "denied"
    EXPIRED = "expired"
    SPENT = "spent"


def judge(
    *, approved: bool | None, spent_at: int | None, expires_at: int, polled_at: int | None, interval_ms: int, now_ms: int
) -> Poll:
    """Return the verdict. Times in milliseconds; `approved` is None while nobody decided.

    A code is over in the very millisecond it expires. A decision is told however fast the device polls; only waiting is slowed down.
    """
    if spent_at is not None:
        return Poll.SPENT
    if now_ms >= expires_at:
        return Poll.EXPIRED
    if approved is not None:
        return Poll.REDEEM if approved else Poll.DENIED
    if polled_at is not None and now_ms < polled_at + interval_ms:
        return Poll.SLOW_DOWN
    return Poll.PENDING
