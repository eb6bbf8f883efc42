"""A running auth server, for papers that are held against what it says."""

from __future__ import annotations

from tests.support.issuers import issuer, issuer_database, prepared_sqlite

__all__ = ["issuer", "issuer_database", "prepared_sqlite"]
