"""A running auth server for the tests below this folder."""

from __future__ import annotations

from tests.support.issuers import (
    any_issuer,
    any_issuer_database,
    issuer,
    issuer_database,
    prepared_postgres,
    prepared_sqlite,
)

__all__ = ["any_issuer", "any_issuer_database", "issuer", "issuer_database", "prepared_postgres", "prepared_sqlite"]
