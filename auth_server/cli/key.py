"""`auth-server key ...`: signing keys, and key encryption keys."""

from __future__ import annotations

import argparse
from typing import Final

from auth_server.cli.command import Answer, Command
from auth_server.cli.inputs import add_yes
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


def _burn(given: argparse.Namespace) -> Answer:
    from auth_server.cli.key_burn import burn
    from auth_server.cli.opened import over_services

    return over_services(burn)(given)


def _import(given: argparse.Namespace) -> Answer:
    from auth_server.cli.key_import import import_key
    from auth_server.cli.opened import over_services

    return over_services(import_key)(given)


def _rewrap(given: argparse.Namespace) -> Answer:
    from auth_server.cli.key_rewrap import rewrap
    from auth_server.cli.opened import over_services

    return over_services(rewrap)(given)


def _generate_encryption_key(_given: argparse.Namespace) -> Answer:
    key = generate_key_encryption_key()
    return Answer({"key": key}, key)


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="retired keys too")


def _rotate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--emergency", action="store_true", help="promote a standby of any age, when the active key must not sign any longer"
    )
    parser.add_argument(
        "--ring", metavar="RING", help="which ring, by the name that key list shows (default: the default algorithm's)"
    )


def _burn_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "kid", metavar="KID", help="its first 8 characters will do; one that begins with a dash goes last, behind --"
    )
    parser.add_argument(
        "--planned", action="store_true", help="let the standby sign first, and burn when nobody signs with the key any more"
    )
    parser.add_argument("--reason", default="burned by the operator", metavar="TEXT", help="why, for the audit log")
    parser.add_argument("--no-wait", action="store_true", help="do not count down, on a terminal, to when no API accepts it")
    add_yes(parser)


def _import_arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--verify-only", metavar="FILE", help="public keys of an issuer that served our iss before: PEM, JWK, JWK Set"
    )
    which.add_argument("--private", metavar="FILE", help="a private key that is to become the standby: PEM or JWK; - reads it")
    parser.add_argument("--issuer-note", metavar="TEXT", help="whose keys they are, for the audit log")
    parser.add_argument(
        "--not-after", metavar="WHEN", help="until when they verify: 2027-01-31, 2027-01-31T12:00:00Z, +30d, +48h"
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
        "burn",
        "kill a key that is, or may be, in wrong hands",
        "Kill a signing key: its tokens are refused, the standby signs, and the key never returns. What that means and when it is true "
        "is told before anything happens. --planned hands nobody a token that is dead on arrival; it is for a key that has not leaked.",
        ("auth-server key burn q3Zr8vFhK1w --reason 'seen in a log'", "auth-server key burn q3Zr8vFhK1w --planned --yes --json"),
        _burn,
        _burn_arguments,
    ),
    Command(
        "import",
        "bring a key from another issuer",
        "Bring a key from elsewhere. --verify-only publishes the public half of an issuer that truly served our iss before, so that "
        "its tokens go on being accepted until they expire. --private makes a private key the standby; it signs nothing before it was "
        "published for AUTH_SERVER_KEY_PUBLISH_AHEAD.",
        (
            "auth-server key import --verify-only old-jwks.json --issuer-note 'the old server' --not-after +2d",
            "auth-server key import --private key.pem --issuer-note 'from the old server'",
        ),
        _import,
        _import_arguments,
    ),
    Command(
        "rewrap",
        "move what is sealed to the first key encryption key",
        "Move private keys and server secrets that lie under an older key encryption key to the first one of "
        "AUTH_SERVER_KEY_ENCRYPTION_KEYS. Only when every replica has that key in its list. May be interrupted and run again.",
        ("auth-server key rewrap",),
        _rewrap,
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
