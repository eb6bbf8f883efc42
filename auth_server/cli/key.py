"""`auth-server key ...`: signing keys, and key encryption keys."""

from __future__ import annotations

import argparse
from typing import Final

from auth_server.cli.command import Answer, Command
from auth_server.keys.sealing import generate_key_encryption_key


def _list(given: argparse.Namespace) -> Answer:
    # Imported here and below: making a key encryption key comes before there is a database, and should not wait for its driver.
    from auth_server.cli.key_ring import list_keys
    from auth_server.cli.opened import over_services

    return over_services(list_keys)(given)


def _rotate(given: argparse.Namespace) -> Answer:
    from auth_server.cli.key_ring import rotate
    from auth_server.cli.opened import over_services

    return over_services(rotate)(given)


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
        _list,
        _list_arguments,
    ),
    Command(
        "rotate",
        "let the standby sign now",
        "Let the standby sign now instead of when it is due. It is refused while resource servers may not know the standby yet, that "
        "is, within AUTH_SERVER_KEY_PUBLISH_AHEAD of its publication.",
        ("auth-server key rotate", "auth-server key rotate --emergency"),
        _rotate,
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
