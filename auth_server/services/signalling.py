"""Shared signals."""

from __future__ import annotations

from auth_server.keys.keyring import Keyring
from auth_server.services.ground import Ground
from auth_server.signals.streams import Streams
from auth_server.signals.tokens import EventTokens


def build_signal_streams(ground: Ground, keyring: Keyring) -> Streams:
    """Return the streams of receivers; who serves them is the registries' business."""
    return Streams(store=ground.store, keys=ground.key_encryption_keys, tokens=EventTokens(keyring, ground.settings.issuer))
