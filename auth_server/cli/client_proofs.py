"""Options of `auth-server client` for whoever proves itself by signatures, asks about tokens, or exchanges them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from auth_server.cli.command import CommandFailed, ExitCode, usage
from auth_server.protocol.client import Client, ExchangePolicy, TrustedIssuer

_MOST_BYTES: Final = 64 * 1024


def add_proof_options(parser: argparse.ArgumentParser) -> None:
    """Let a client be registered with keys, trusted issuers, and what it may ask about and exchange."""
    keys = parser.add_argument_group("keys, for private_key_jwt (docs/client-authentication.md)")
    keys.add_argument("--jwks-file", metavar="FILE", help="its public keys, a JWK Set")
    keys.add_argument("--jwks-uri", metavar="URL", help="where it publishes them")
    trust = parser.add_argument_group("a platform whose tokens stand in for a secret (docs/workload-identity.md)")
    trust.add_argument("--trusted-issuer", metavar="ISSUER", help="the `iss` of its tokens, exactly")
    trust.add_argument("--trusted-subject", metavar="SUBJECT", help="the `sub` that is this client, exactly")
    trust.add_argument("--trusted-jwks-file", metavar="FILE", help="its keys; needed when it cannot be reached from here")
    trust.add_argument("--trusted-jwks-uri", metavar="URL", help="where they are; default: what its metadata say")
    trust.add_argument(
        "--trusted-reusable", action="store_true", help="one token may sign in more than once while it lasts (Kubernetes)"
    )
    more = parser.add_argument_group("other people's tokens")
    more.add_argument(
        "--introspects", action="append", metavar="RESOURCE", help="it may ask about tokens for this resource; repeat for more"
    )
    more.add_argument(
        "--exchange-audience", action="append", metavar="RESOURCE", help="it may exchange tokens for ones to this resource"
    )
    more.add_argument(
        "--exchange-from", action="append", metavar="CLIENT", help="whose tokens it may exchange: a client they were issued to"
    )


def proofs_of(given: argparse.Namespace, before: Client | None = None) -> dict[str, Any]:
    """Return the members of a client that these options set; what was not named stays as it is."""
    members: dict[str, Any] = {}
    if given.jwks_file is not None:
        members |= {"jwks": read_document(given.jwks_file), "jwks_uri": None}
    if given.jwks_uri is not None:
        members |= {"jwks_uri": given.jwks_uri or None}
        if given.jwks_file is None:
            members["jwks"] = None
    if (trusted := _trusted(given)) is not None:
        kept = before.trusted_issuers if before else ()
        others = [each for each in kept if (each.issuer, each.subject) != (trusted.issuer, trusted.subject)]
        members["trusted_issuers"] = (*others, trusted)
    if given.introspects is not None:
        members["introspects"] = frozenset(filter(None, given.introspects))
    if given.exchange_audience is not None or given.exchange_from is not None:
        members["exchange"] = _exchange(given, before)
    return members


def read_document(path: str) -> str:
    """Return a file's text.

    Raises:
        CommandFailed: it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return file.read(_MOST_BYTES).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        raise CommandFailed(ExitCode.USAGE, "unreadable_file", f"cannot read {path}: {why}") from error


def described_proofs(client: Client) -> dict[str, object]:
    """Return the same members for JSON."""
    exchange = client.exchange
    return {
        "jwks_uri": client.jwks_uri,
        "has_jwks": client.jwks is not None,
        "trusted_issuers": [
            {
                "issuer": each.issuer,
                "subject": each.subject,
                "jwks_uri": each.jwks_uri,
                "has_jwks": each.jwks is not None,
                "reusable": each.reusable,
            }
            for each in client.trusted_issuers
        ],
        "introspects": sorted(client.introspects),
        "exchange_audiences": sorted(exchange.audiences) if exchange else [],
        "exchange_subject_clients": sorted(exchange.subject_clients) if exchange else [],
    }


def proof_details(client: Client) -> list[tuple[str, str]]:
    """Return the same as lines for a person; nothing for a client that has none of it."""
    rows = []
    if client.jwks or client.jwks_uri:
        rows.append(("keys", client.jwks_uri or "registered"))
    rows += [("trusts", f"{each.issuer} about {each.subject}") for each in client.trusted_issuers]
    if client.introspects:
        rows.append(("introspects", " ".join(sorted(client.introspects))))
    if client.exchange is not None:
        rows.append(("exchanges for", " ".join(sorted(client.exchange.audiences)) or "nothing"))
        rows.append(("tokens issued to", " ".join(sorted(client.exchange.subject_clients)) or "nobody"))
    return rows


def _trusted(given: argparse.Namespace) -> TrustedIssuer | None:
    named = (given.trusted_issuer, given.trusted_subject)
    if named == (None, None):
        if given.trusted_jwks_file or given.trusted_jwks_uri or given.trusted_reusable:
            raise usage("say whose keys these are: --trusted-issuer and --trusted-subject")
        return None
    if None in named:
        raise usage("--trusted-issuer and --trusted-subject belong together")
    jwks = read_document(given.trusted_jwks_file) if given.trusted_jwks_file else None
    return TrustedIssuer(given.trusted_issuer, given.trusted_subject, jwks, given.trusted_jwks_uri, given.trusted_reusable)


def _exchange(given: argparse.Namespace, before: Client | None) -> ExchangePolicy | None:
    policy = before.exchange if before and before.exchange else ExchangePolicy(frozenset(), frozenset())
    audiences = policy.audiences if given.exchange_audience is None else frozenset(filter(None, given.exchange_audience))
    clients = policy.subject_clients if given.exchange_from is None else frozenset(filter(None, given.exchange_from))
    return ExchangePolicy(audiences, clients) if audiences or clients else None
