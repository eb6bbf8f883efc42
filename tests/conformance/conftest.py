"""A running auth server, and every custodian of keys, for the tests below this folder."""

from __future__ import annotations

from tests.support.custodians import home, home_of
from tests.support.issuers import (
    any_issuer,
    any_issuer_database,
    issuer,
    issuer_database,
    prepared_postgres,
    prepared_sqlite,
)

__all__ = [
    "any_issuer",
    "any_issuer_database",
    "home",
    "home_of",
    "issuer",
    "issuer_database",
    "prepared_postgres",
    "prepared_sqlite",
]
