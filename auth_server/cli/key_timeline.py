"""What is due on a ring and when, and its keys drawn against time. Pure: a view, the policy and `now` in, words out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auth_server.cli.plain_text import duration, relative
from auth_server.keys.lifecycle import RotationPolicy, signs_from_ms
from auth_server.store.signing_keys import KeyState, RingView, SigningKey

_KID: Final = 11
# Below that a drawing says nothing any more.
_LEAST_COLUMNS: Final = 20
_ORDER: Final = (
    KeyState.PENDING,
    KeyState.ACTIVE,
    KeyState.RETIRING,
    KeyState.IMPORTED_VERIFY_ONLY,
    KeyState.RETIRED,
    KeyState.COMPROMISED,
)


@dataclass(frozen=True, slots=True)
class Glyphs:
    """What stands for each part of a key's life, and for now."""

    published: str
    signing: str
    verifying: str
    gone: str
    now: str

    @property
    def legend(self) -> str:
        """What they mean."""
        return f"{self.published} published   {self.signing} signing   {self.verifying} verifying   {self.gone} gone   {self.now} now"


PLAIN: Final = Glyphs(".", "=", "-", "x", "|")
BLOCKS: Final = Glyphs("·", "█", "░", "×", "│")


@dataclass(frozen=True, slots=True)
class Due:
    """What happens to a key next, and when (milliseconds since the epoch)."""

    what: str
    at_ms: int

    def words(self, now_ms: int) -> str:
        """Return it in words; what should have happened already is due now, for the server does it within seconds."""
        return f"{self.what} {'now' if self.at_ms <= now_ms else relative(self.at_ms, now_ms)}"


def in_order(keys: Sequence[SigningKey]) -> list[SigningKey]:
    """Return keys by where they stand in their life, then by age."""
    return sorted(keys, key=lambda key: (_ORDER.index(key.state), key.published_at, key.kid))


def hand_over_ms(view: RingView, policy: RotationPolicy) -> int | None:
    """Return when the standby takes over: after N, and once the active key, if there is one, has signed for a rotation period."""
    if view.active is None or view.pending is None:
        return signs_from_ms(view, policy)
    signing_since = view.active.activated_at or view.active.published_at
    return max(view.pending.published_at + policy.publish_ahead_ms, signing_since + policy.rotation_period_ms)


def next_due(key: SigningKey, view: RingView, policy: RotationPolicy) -> Due | None:
    """Return what is due next for a key; None when nothing will happen to it any more."""
    hand_over = hand_over_ms(view, policy)
    if key.state is KeyState.PENDING and hand_over is not None:
        return Due("signs", hand_over)
    if key.state is KeyState.ACTIVE:
        return Due("hands over", hand_over) if hand_over is not None else Due("standby is made", view.now_ms)
    if key.state is KeyState.RETIRING and key.retired_at is not None:
        if key.private_ref is not None:
            return Due("private half is erased", key.retired_at + policy.sign_lease_ms)
        return Due("is withdrawn", key.retired_at + policy.retire_after_ms)
    if key.state is KeyState.IMPORTED_VERIFY_ONLY and key.not_after is not None:
        return Due("is withdrawn", key.not_after)
    return None


def since_ms(key: SigningKey) -> int:
    """Return since when a key is in its state."""
    if key.state in (KeyState.RETIRED, KeyState.COMPROMISED):
        return key.tombstoned_at or key.published_at
    if key.state is KeyState.RETIRING:
        return key.retired_at or key.published_at
    return (key.activated_at if key.state is KeyState.ACTIVE else None) or key.published_at


def draw(view: RingView, policy: RotationPolicy, glyphs: Glyphs = PLAIN, width: int = 80) -> str:
    """Return the life of each key against time, what is past and what is due; `width` is that of the terminal, in characters."""
    # A burned key is not published any more.
    spans = [(key, _span(key, view, policy)) for key in in_order(view.keys) if key.state is not KeyState.COMPROMISED]
    first = min((span.published for _, span in spans), default=view.now_ms)
    last = max((span.withdrawn for _, span in spans), default=view.now_ms)
    words = max((len(key.state.value) for key, _ in spans), default=0)
    margin = words + _KID + 4
    # Two less: the label of now begins under its bar, and is three wide.
    columns = max(width - margin - 2, _LEAST_COLUMNS)
    scale = max(last - first, 1) / (columns - 1)
    now_column = round((view.now_ms - first) / scale)
    lines = [
        f"{key.state.value.ljust(words)}  {short(key.kid)}  {_bar(span, first, scale, now_column, columns, glyphs)}"
        for key, span in spans
    ]
    return "\n".join([*lines, f"{' ' * margin}{_axis(view.now_ms - first, last - view.now_ms, now_column, columns)}"])


def _axis(past_ms: int, ahead_ms: int, now_column: int, columns: int) -> str:
    """Return the label of now under its bar, and those of both ends where there is room for them."""
    left, right = f"{duration(past_ms / 1000)} ago", f"in {duration(ahead_ms / 1000)}"
    axis = f"{(left if len(left) < now_column else '').ljust(now_column)}now"
    return axis + right.rjust(columns - len(axis)) if len(axis) + len(right) < columns else axis


def short(kid: str) -> str:
    """Return the beginning of a kid: enough to tell the keys of a ring apart."""
    return kid[:_KID]


@dataclass(frozen=True, slots=True)
class _Span:
    """When a key is published, signs, stops to sign and is withdrawn; one that never signs only verifies."""

    published: int
    signs: int
    stops: int
    withdrawn: int


def _span(key: SigningKey, view: RingView, policy: RotationPolicy) -> _Span:
    hand_over = max(hand_over_ms(view, policy) or view.now_ms, view.now_ms)
    signs = key.published_at if key.activated_at is None else key.activated_at
    if key.state is KeyState.PENDING:
        stops = hand_over + policy.rotation_period_ms
        return _Span(key.published_at, hand_over, stops, stops + policy.retire_after_ms)
    if key.state is KeyState.ACTIVE:
        return _Span(key.published_at, signs, hand_over, hand_over + policy.retire_after_ms)
    if key.state is KeyState.RETIRING and key.retired_at is not None:
        return _Span(key.published_at, signs, key.retired_at, key.retired_at + policy.retire_after_ms)
    return _Span(key.published_at, key.published_at, key.published_at, key.not_after or view.now_ms)


def _bar(span: _Span, first: int, scale: float, now_column: int, columns: int, glyphs: Glyphs) -> str:
    published, signs, stops, withdrawn = (
        round((at - first) / scale) for at in (span.published, span.signs, span.stops, span.withdrawn)
    )
    bar = [" "] * columns
    for begins, ends, glyph in (
        (published, signs, glyphs.published),
        (signs, stops, glyphs.signing),
        (stops, withdrawn, glyphs.verifying),
    ):
        bar[begins:ends] = glyph * (ends - begins)
    bar[withdrawn] = glyphs.gone
    bar[now_column] = glyphs.now
    return "".join(bar).rstrip()
