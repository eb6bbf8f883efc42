"""What burning a key means, in words and with this issuer's numbers: told before anybody confirms it. Pure."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Final

from auth_server.cli.key_timeline import short
from auth_server.cli.plain_text import duration
from auth_server.cli.terminal import wrapped
from auth_server.keys.lifecycle import RotationPolicy, is_seasoned
from auth_server.store.signing_keys import KeyState, RingView, SigningKey
from shared.key_policy import KeyPolicy
from shared.revocation import SILENT_AFTER

# What a resource server does unless RESOURCE_SERVER_MAX_STALE says otherwise; the issuer cannot know it.
_MAX_STALE_SECONDS: Final = 24 * 3600
_TOLD_IN_WORDS: Final = 2 * 3600
_MEANING: Final = {
    KeyState.ACTIVE: "the key that signs",
    KeyState.PENDING: "the standby, which signed nothing yet",
    KeyState.RETIRING: "retiring: tokens under it may still be valid",
    KeyState.RETIRED: "retired: every token under it has expired",
    KeyState.IMPORTED_VERIFY_ONLY: "imported, to verify another issuer's tokens",
}
_DEAD: Final = "the key is dead for ever: it never returns, under no name, and its private half is erased"
_ASKED_FOR: Final = "APIs that do not hold it ask for it, and answer 503 until they have it"
_LIVES_ON: Final = (
    "Every access token under it is refused from then on. Refresh tokens and sign-in sessions live on: programs refresh and go on; "
    "whoever uses one that cannot refresh signs in again."
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds from the burn until nobody signs with the key, and until no API accepts it: one that follows the revocation feed, one that
    only refreshes its keys, and one that is cut off.
    """

    signed_until: float
    polled_until: float
    connected_until: float
    cut_off_until: float = _MAX_STALE_SECONDS

    @classmethod
    def of(cls, timings: KeyPolicy) -> Bounds:
        """Return the bounds of configured timings; the kit asks past shared caches, so none of them adds to this."""
        polled = timings.view_lease + timings.jwks_max_age
        return cls(timings.sign_lease, polled, min(SILENT_AFTER, polled))


def consequence(
    key: SigningKey, ring: RingView | None, policy: RotationPolicy, bounds: Bounds, *, planned: bool, width: int
) -> str:
    """Return what burning a key means, in lines of at most `width` characters.

    Args:
        ring: the key's ring now, which says whose turn it is.
        planned: nothing dies before a signing lease has passed; the bounds count from now all the same.
    """
    signs = key.state is KeyState.ACTIVE
    waits = bounds.signed_until if planned and key.state in (KeyState.ACTIVE, KeyState.RETIRING) else 0.0
    rows = [(0.0, _successor(ring, policy))] if signs else []
    if waits:
        rows.append((waits, f"nobody signs with it any more; only then {_DEAD}"))
    else:
        rows.insert(0, (0.0, _DEAD))
    if signs and not waits:
        rows.append((bounds.signed_until, "the last server process that had not looked yet stops signing with it"))
    rows += [
        (waits + bounds.connected_until, "no API that follows the revocation feed accepts a token under it"),
        (waits + bounds.polled_until, "no API that only refreshes its keys accepts one"),
        (bounds.cut_off_until, "no API that is cut off from this server accepts one (RESOURCE_SERVER_MAX_STALE if set)"),
    ]
    rows.sort(key=lambda row: row[0])
    listed = wrapped([(_in(after), words) for after, words in rows], width)
    told = f"burning {key.kid}\n({_MEANING[key.state]})"
    return f"{told}\n\n{listed}\n\n{textwrap.fill(_LIVES_ON, width)}\n"


def _successor(ring: RingView | None, policy: RotationPolicy) -> str:
    """Return who signs instead, and whether APIs hold that key."""
    standby = None if ring is None else ring.pending
    if ring is None or standby is None:
        return f"a standby is made, for there is none, and signs; {_ASKED_FOR}"
    age = duration((ring.now_ms - standby.published_at) / 1000)
    if is_seasoned(standby, ring.now_ms, policy):
        return f"{short(standby.kid)} signs, which was published {age} ago: every healthy API holds it"
    return f"{short(standby.kid)} signs, which was published {age} ago, less than AUTH_SERVER_KEY_PUBLISH_AHEAD: {_ASKED_FOR}"


def _in(after: float) -> str:
    """Return when something is true, seconds from now."""
    if not after:
        return "at once"
    return f"in {seconds(after)}" if after < _TOLD_IN_WORDS else f"in {duration(after)}"


def seconds(count: float) -> str:
    """Return a number of seconds, with a fraction where that says something."""
    return f"{count:.0f} s" if count >= 10 else f"{count:.1f} s"
