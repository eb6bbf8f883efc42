"""A backup: the whole database in one file that either database can take in.

Gzip of JSON lines: a header, then for each table a line that names its columns and one line for each row, and at last how many rows there
are and the SHA-256 of everything before. Rows are read in one snapshot while the server goes on. Binary values are base64url under `b`.
What is sealed stays sealed: the key encryption keys are not in it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

from sqlalchemy import Connection, Engine, LargeBinary, MetaData, Table, insert, select

from auth_server.store.schema import HEAD
from shared import base64url, json_text

FORMAT: Final = "sealwright-backup-1"
_VERSION_TABLE: Final = "alembic_version"
_ROWS_AT_ONCE: Final = 500


class ArchiveRefused(Exception):
    """The file is no whole backup; the sentence may be shown."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a backup says of itself. `schema` is the migration its rows belong to, `created_at` milliseconds since the epoch."""

    issuer: str
    schema: str
    created_at: int
    database: str
    format: str = FORMAT


def write(engine: Engine, file: IO[bytes], *, issuer: str, now_ms: int) -> int:
    """Write the database to a file; return how many rows it holds.

    Args:
        engine: the one that reads.
    """
    digest, count = hashlib.sha256(), 0
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, mtime=0) as packed, engine.connect() as connection:

        def put(value: object) -> None:
            line = json_text.to_text(value).encode("utf-8") + b"\n"
            digest.update(line)
            packed.write(line)

        _begin_snapshot(connection)
        put(asdict(Header(issuer, HEAD, now_ms, connection.dialect.name)))
        for table in _tables(connection):
            put({"table": table.name, "columns": [column.name for column in table.columns]})
            for row in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(table)):
                put([_spelt(value) for value in row])
                count += 1
        connection.rollback()
        packed.write(json_text.to_text({"rows": count, "sha256": digest.hexdigest()}).encode("utf-8") + b"\n")
    return count


def check(path: Path) -> tuple[Header, int]:
    """Read a whole backup without taking it in; return its header and how many rows it holds.

    Raises:
        ArchiveRefused: it is cut short, was changed, is of another kind, or cannot be read.
    """
    digest, rows, header = hashlib.sha256(), -1, None
    try:
        with gzip.open(path, "rb") as lines:
            for line in lines:
                value = json.loads(line)
                if header is None:
                    header = _header(value)
                elif isinstance(value, dict) and "sha256" in value:
                    if value["sha256"] != digest.hexdigest() or lines.read(1):
                        raise ArchiveRefused("the backup was changed: its digest does not fit")
                    rows = int(value["rows"])
                digest.update(line)
    except OSError as error:
        raise ArchiveRefused(f"the backup cannot be read: {error.strerror or 'it is no gzip file'}") from error
    except (EOFError, zlib.error) as error:
        raise ArchiveRefused("the backup is cut short or damaged") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveRefused("this is no backup of Sealwright's") from error
    if header is None or rows < 0:
        raise ArchiveRefused("the backup is cut short")
    return header, rows


def take_in(connection: Connection, path: Path) -> None:
    """Insert every row of a checked backup into the empty tables of a database at the backup's schema."""
    found = MetaData()
    found.reflect(connection)
    for name, columns, rows in _batches(path):
        table = found.tables[name]
        if rows is None:
            # The migrations put rows in, such as the feed's head; the backup has its own.
            connection.execute(table.delete())
        else:
            connection.execute(insert(table), [_values(table, columns, row) for row in rows])


def _begin_snapshot(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # Reads run without a transaction of their own elsewhere; a backup is the one that needs all tables of one moment.
        connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")


def _tables(connection: Connection) -> Sequence[Table]:
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != _VERSION_TABLE]


def _batches(path: Path) -> Iterator[tuple[str, list[str], list[list[Any]] | None]]:
    """Yield each table once with None, and then its rows, some hundred at a time. Tables come in the order of their references."""
    name, columns, rows = "", list[str](), list[list[Any]]()
    with gzip.open(path, "rb") as lines:
        next(lines)
        for value in map(json.loads, lines):
            is_row = isinstance(value, list)
            if rows and (not is_row or len(rows) == _ROWS_AT_ONCE):
                yield name, columns, rows
                rows = []
            if is_row:
                rows.append(value)
            elif "table" in value:
                name, columns = value["table"], value["columns"]
                yield name, columns, None


def _header(value: Mapping[str, Any]) -> Header:
    if value["format"] != FORMAT:
        raise ArchiveRefused("the backup has a form that this program does not know")
    return Header(**value)


def _spelt(value: Any) -> object:
    if isinstance(value, bytes | memoryview):
        return {"b": base64url.encode(bytes(value))}
    return value


def _values(table: Table, columns: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    return {name: _read(table, name, value) for name, value in zip(columns, row, strict=True)}


def _read(table: Table, name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return base64url.decode(value["b"].encode("ascii"))
    if value is None or isinstance(table.columns[name].type, LargeBinary):
        return value
    # SQLite has no booleans of its own; PostgreSQL takes nothing else where it has.
    return bool(value) if table.columns[name].type.python_type is bool else value
