"""What all tables share: metadata, column types, and the database's clock as an expression."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Dialect, Integer, LargeBinary, MetaData, Text, TypeDecorator
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement

# The newest migration. A test holds it against the migrations folder; here it spares `serve` from importing Alembic (1 s) to learn
# that there is nothing to do.
HEAD: Final = "0011"

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Times are integer milliseconds since the epoch, by the database's clock. SQLite spells its row number INTEGER.
Milliseconds: Final = BigInteger
Number: Final = BigInteger().with_variant(Integer(), "sqlite")
Digest: Final = LargeBinary
Sealed: Final = LargeBinary


class Words(TypeDecorator[tuple[str, ...]]):
    """A list of words without spaces (scopes, grant types, URIs), kept as one space-separated text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:
        """Join the words."""
        return None if value is None else " ".join(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:
        """Split the words."""
        return None if value is None else tuple(value.split())


class now_ms(FunctionElement[int]):  # noqa: N801 - it stands in statements where SQL functions stand, in lower case
    """The database's clock in the statement itself: milliseconds since the epoch.

    Read inside the statement because a statement may wait for a lock: a time read before it would be older than the row it guards.
    """

    type = BigInteger()
    name = "now_ms"
    inherit_cache = True


@compiles(now_ms, "sqlite")
def _sqlite_now(element: now_ms, compiler: SQLCompiler, **_: Any) -> str:
    # unixepoch('subsec') answers NULL before SQLite 3.42; julianday is exact to 0.1 ms for our century.
    return _overridden(compiler) or "CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)"


@compiles(now_ms, "postgresql")
def _postgresql_now(element: now_ms, compiler: SQLCompiler, **_: Any) -> str:
    # clock_timestamp() and not now(): the latter stands still for the whole transaction.
    return _overridden(compiler) or "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


def _overridden(compiler: SQLCompiler) -> str | None:
    # Tests put a virtual clock under an engine (`engine.open_engines(now_sql=...)`).
    text: str | None = getattr(compiler.dialect, "sealwright_now_sql", None)
    return text
