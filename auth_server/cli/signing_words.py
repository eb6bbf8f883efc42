"""What is worth noting about the algorithm that a resource or a client asks for."""

from __future__ import annotations

import argparse

from auth_server.cli.plain_text import stamp
from auth_server.keys.lifecycle import RotationPolicy, signs_from_ms
from auth_server.services import Services


def add_signing_alg(parser: argparse.ArgumentParser, default: str) -> None:
    """Add --signing-alg; `default` says what holds without it."""
    parser.add_argument(
        "--signing-alg", metavar="ALG", help=f"one of AUTH_SERVER_SIGNING_ALGORITHMS, for access tokens (default: {default})"
    )


async def notes_on_algorithm(services: Services, alg: str | None) -> tuple[str, ...]:
    """Return a note when tokens under an algorithm are refused now; nothing when there is nothing to note."""
    if alg is None:
        return ()
    if alg not in services.settings.signing_algorithms:
        return (f"{alg} is not among AUTH_SERVER_SIGNING_ALGORITHMS any more: its tokens are refused",)
    policy = RotationPolicy(services.settings.key_policy, services.settings.key_rotation_period)
    views = await services.store.read(lambda tx: tx.signing_keys.views())
    view = next((view for view in views if view.alg == alg), None)
    if view is None:
        return (f"the server makes its first {alg} key within seconds of its next start",)
    starts = signs_from_ms(view, policy)
    if starts is None:
        return ()
    return (f"its tokens are refused until {stamp(starts)}: the first {alg} key has to be known everywhere before it signs",)
