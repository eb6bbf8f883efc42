"""The members of a declared client about keys, trusted issuers, introspection and exchange."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from auth_server.cli import config_fields
from auth_server.cli.client_proofs import read_document
from auth_server.cli.command import CommandFailed
from auth_server.protocol.client import ExchangePolicy, TrustedIssuer


def declared_proofs(row: dict[str, Any], place: str, folder: Path, faults: list[str]) -> dict[str, Any]:
    """Return the members of a client that its table declares; files are looked for beside the configuration file."""
    tables = config_fields.read_tables(row["trusted_issuers"], f"{place}.trusted_issuers", config_fields.TRUSTED_ISSUER, faults)
    audiences, clients = frozenset(row["exchange_audiences"]), frozenset(row["exchange_subject_clients"])
    return {
        "jwks": _document(row["jwks_file"], f"{place}.jwks_file", folder, faults),
        "jwks_uri": row["jwks_uri"],
        "introspects": frozenset(row["introspects"]),
        "exchange": ExchangePolicy(audiences, clients) if audiences or clients else None,
        "trusted_issuers": tuple(
            TrustedIssuer(
                issuer=each["issuer"],
                subject=each["subject"],
                jwks=_document(each["jwks_file"], f"{place}.trusted_issuers[{number}].jwks_file", folder, faults),
                jwks_uri=each["jwks_uri"],
                reusable=each["reusable"],
            )
            for number, each in enumerate(tables)
            if each["issuer"] and each["subject"]
        ),
    }


def _document(name: str | None, place: str, folder: Path, faults: list[str]) -> str | None:
    if name is None:
        return None
    try:
        return read_document(str(folder / name))
    except CommandFailed as failure:
        faults += [f"{place}: {sentence}" for sentence in failure.sentences]
        return None
