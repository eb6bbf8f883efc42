"""`auth-server key ...`: signing keys, and key encryption keys."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Final

from auth_server.cli.command import Answer, Command, refused
from auth_server.cli.key_timeline import draw, in_order, next_due, short
from auth_server.cli.opened import over_services
from auth_server.cli.plain_text import stamp, table, timestamp
from auth_server.keys.lifecycle import RotationPolicy
from auth_server.keys.rotation import RotationRefused
from auth_server.keys.sealing import generate_key_encryption_key
from auth_server.services import Services
from auth_server.store.signing_keys import RingView, SigningKey

_LEGEND: Final = "- published   = signing   | now"


async def _list(services: Services, given: argparse.Namespace) -> Answer:
    settings = services.settings
    policy = RotationPolicy(settings.key_policy, settings.key_rotation_period)
    views = await services.store.read(lambda tx: tx.signing_keys.views())
    every = await services.store.read(lambda tx: tx.signing_keys.every()) if given.all else []
    rings = [(view, _keys_of(view, every)) for view in views]
    document = {"rings": [_described_ring(view, keys, policy) for view, keys in rings]}
    if not rings:
        return Answer(document, "no keys yet: run auth-server init")
    return Answer(document, "\n\n".join(_told_ring(view, keys, policy) for view, keys in rings))


def _keys_of(view: RingView, every: Sequence[SigningKey]) -> list[SigningKey]:
    return in_order([key for key in every if key.ring == view.ring] or view.keys)


def _told_ring(view: RingView, keys: Sequence[SigningKey], policy: RotationPolicy) -> str:
    rows = []
    for key in keys:
        due = next_due(key, view, policy)
        signing_since = "-" if key.activated_at is None else stamp(key.activated_at)
        rows.append(
            (key.state.value, short(key.kid), stamp(key.published_at), signing_since, due.words(view.now_ms) if due else "-")
        )
    head = f"ring {view.ring}  {view.alg}  epoch {view.epoch}"
    listed = table(("STATE", "KID", "PUBLISHED", "SIGNING SINCE", "DUE NEXT"), rows)
    return f"{head}\n\n{listed}\n\n{draw(view, policy)}\n\n{_LEGEND}"


def _described_ring(view: RingView, keys: Sequence[SigningKey], policy: RotationPolicy) -> dict[str, object]:
    return {
        "ring": view.ring,
        "alg": view.alg,
        "epoch": view.epoch,
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


async def _rotate(services: Services, given: argparse.Namespace) -> Answer:
    try:
        kid = await services.rotation.rotate_now(emergency=given.emergency)
    except RotationRefused as refusal:
        hint = () if given.emergency or "too recently" not in str(refusal) else (_EMERGENCY_HINT,)
        raise refused(str(refusal), *hint, error="rotation_refused") from refusal
    lifetime = f"{services.settings.key_policy.sign_lease:g}"
    text = f"{kid} signs now; running servers follow within {lifetime} s, and a new standby is published"
    notes = (_EMERGENCY_NOTE,) if given.emergency else ()
    return Answer({"active_kid": kid, "emergency": given.emergency}, text, notes)


_EMERGENCY_HINT: Final = (
    "--emergency promotes it all the same; resource servers that have not fetched it yet refuse until they do"
)
_EMERGENCY_NOTE: Final = "resource servers that have not fetched this key yet refuse its tokens until they do"


def _generate_encryption_key(_given: argparse.Namespace) -> Answer:
    key = generate_key_encryption_key()
    return Answer({"key": key}, key)


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="retired keys too")


def _rotate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--emergency", action="store_true", help="promote a standby of any age, when the active key must not sign any longer"
    )


COMMANDS: Final = (
    Command(
        "list",
        "show the key ring and what is due",
        "Show each key ring: in which state its keys are, since when they are published and sign, and what happens next.",
        ("auth-server key list", "auth-server key list --all --json"),
        over_services(_list),
        _list_arguments,
    ),
    Command(
        "rotate",
        "let the standby sign now",
        "Let the standby sign now instead of when it is due. It is refused while resource servers may not know the standby yet, that "
        "is, within AUTH_SERVER_KEY_PUBLISH_AHEAD of its publication.",
        ("auth-server key rotate", "auth-server key rotate --emergency"),
        over_services(_rotate),
        _rotate_arguments,
    ),
    Command(
        "generate-encryption-key",
        "make a key that seals private keys",
        "Make a key encryption key for AUTH_SERVER_KEY_ENCRYPTION_KEYS and print it. Nothing is stored. To rotate, put the new key "
        "before the old one.",
        ("auth-server key generate-encryption-key",),
        _generate_encryption_key,
    ),
)
