"""The signing keys of a running issuer, for `auth-server key`: what is on the ring, and rotation out of turn."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from auth_server.cli.command import Answer, refused
from auth_server.cli.key_timeline import BLOCKS, PLAIN, Glyphs, draw, in_order, next_due, short, since_ms
from auth_server.cli.plain_text import relative, stamp, table, timestamp
from auth_server.cli.terminal import terminal_width
from auth_server.keys.intents import Unfinished, find_unfinished
from auth_server.keys.lifecycle import RotationPolicy, signs_from_ms
from auth_server.keys.rollback import HOW_TO_GO_ON
from auth_server.keys.rotation import RotationRefused
from auth_server.services import Services
from auth_server.store.signing_keys import RingView, SigningKey

_EMERGENCY_HINT: Final = (
    "--emergency promotes it all the same; resource servers that have not fetched it yet refuse until they do"
)
_EMERGENCY_NOTE: Final = "resource servers that have not fetched this key yet refuse its tokens until they do"


async def list_keys(services: Services, given: argparse.Namespace) -> Answer:
    """Tell each ring: its keys, what is due, and a drawing of both against time."""
    settings = services.settings
    policy = RotationPolicy(settings.key_policy, settings.key_rotation_period)
    views = await services.store.read(lambda tx: tx.signing_keys.views())
    every = await services.store.read(lambda tx: tx.signing_keys.every()) if given.all else []
    # A ring that was closed, and whose last key is gone, is history.
    rings = [(view, keys) for view in views if (keys := _keys_of(view, every))]
    halt = await services.store.read(lambda tx: tx.key_incidents.halt())
    halted = None if halt is None else halt.reason
    intents = await find_unfinished(services.store)
    document = {
        "rings": [_described_ring(view, keys, policy) for view, keys in rings],
        "halted": halted,
        "unfinished": [_described_intent(intent) for intent in intents],
    }
    if not rings:
        return Answer(document, "no keys yet: run auth-server init")
    notes = [f"nothing is signed: {halted}; {HOW_TO_GO_ON}"] if halted else []
    notes += [
        f"intended {relative(intent.at, services.store.clock.now_ms())}, without an outcome: {intent}" for intent in intents
    ]
    return Answer(document, "\n\n".join(_told_ring(view, keys, policy) for view, keys in rings), tuple(notes))


def _described_intent(intent: Unfinished) -> dict[str, object]:
    return {"event": intent.event, "kid": intent.kid, "ring": intent.ring, "at": timestamp(intent.at)}


def _keys_of(view: RingView, every: Sequence[SigningKey]) -> list[SigningKey]:
    return in_order([key for key in every if key.ring == view.ring] or view.keys)


def _told_ring(view: RingView, keys: Sequence[SigningKey], policy: RotationPolicy) -> str:
    head = f"ring {view.ring}  epoch {view.epoch}{_not_ready(view, policy)}"
    width, glyphs = terminal_width(), _glyphs()
    return f"{head}\n\n{_listed(view, keys, policy, width)}\n\n{draw(view, policy, glyphs, width)}\n\n{glyphs.legend}"


def _listed(view: RingView, keys: Sequence[SigningKey], policy: RotationPolicy, width: int) -> str:
    """Return a table of the keys: with the times of day, or where the terminal is too narrow for them, with how long ago they are."""
    rows, narrow = [], []
    for key in keys:
        due = next_due(key, view, policy)
        next_words = due.words(view.now_ms) if due else "-"
        signing_since = "-" if key.activated_at is None else stamp(key.activated_at)
        rows.append((key.state.value, short(key.kid), stamp(key.published_at), signing_since, next_words))
        narrow.append((key.state.value, short(key.kid), relative(since_ms(key), view.now_ms), next_words))
    listed = table(("STATE", "KID", "PUBLISHED", "SIGNING SINCE", "DUE NEXT"), rows)
    fits = max(map(len, listed.splitlines())) <= width
    return listed if fits else table(("STATE", "KID", "SINCE", "DUE NEXT"), narrow)


def _glyphs() -> Glyphs:
    """Blocks on a terminal that can show them; what goes into a file or a pipe stays plain."""
    is_able = sys.stdout.isatty() and (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return BLOCKS if is_able else PLAIN


def _not_ready(view: RingView, policy: RotationPolicy) -> str:
    starts = signs_from_ms(view, policy)
    if starts is not None:
        return f"  signs {'now' if starts <= view.now_ms else relative(starts, view.now_ms)}; until then {view.alg} is refused"
    return "" if view.active is not None else "  closed: signs no more"


def _described_ring(view: RingView, keys: Sequence[SigningKey], policy: RotationPolicy) -> dict[str, object]:
    return {
        "ring": view.ring,
        "alg": view.alg,
        "epoch": view.epoch,
        "signs": view.active is not None,
        "signs_from": timestamp(signs_from_ms(view, policy)),
        "now": timestamp(view.now_ms),
        "keys": [_described(key, view, policy) for key in keys],
    }


def _described(key: SigningKey, view: RingView, policy: RotationPolicy) -> dict[str, object]:
    due = next_due(key, view, policy)
    return {
        "kid": key.kid,
        "state": key.state.value,
        "alg": key.alg,
        "custodian": key.custodian,
        "has_private_half": key.private_ref is not None,
        "published_at": timestamp(key.published_at),
        "signing_since": timestamp(key.activated_at),
        "stopped_signing_at": timestamp(key.retired_at),
        "private_erased_at": timestamp(key.erased_at),
        "withdrawn_at": timestamp(key.tombstoned_at),
        "due": None if due is None else {"what": due.what, "at": timestamp(due.at_ms)},
    }


async def rotate(services: Services, given: argparse.Namespace) -> Answer:
    """Promote the standby now.

    Raises:
        CommandFailed: it would not be safe, or somebody else was quicker.
    """
    try:
        rotation = services.rings.default if given.ring is None else services.rings.of(given.ring)
        kid = await rotation.rotate_now(emergency=given.emergency)
    except RotationRefused as refusal:
        hint = () if given.emergency or "too recently" not in str(refusal) else (_EMERGENCY_HINT,)
        raise refused(str(refusal), *hint, error="rotation_refused") from refusal
    lifetime = f"{services.settings.key_policy.sign_lease:g}"
    text = f"{kid} signs now; running servers follow within {lifetime} s, and a new standby is published"
    notes = (_EMERGENCY_NOTE,) if given.emergency else ()
    return Answer({"active_kid": kid, "emergency": given.emergency}, text, notes)
