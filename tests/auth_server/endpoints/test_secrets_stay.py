"""A whole story with marked secrets: none of them is in a log line, in the answer to anybody else, or in the database outside its place."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.auth_app import Issuer, basic
from tests.support.registered import PASSWORDS, SECRETS


async def test_no_secret_leaves_its_place(any_issuer: Issuer) -> None:
    issuer, bodies = any_issuer, []
    first = (await issuer.login()).json()
    rotated = (await issuer.refresh(first["refresh_token"], "first-party")).json()
    machine = (await issuer.token(grant_type="client_credentials")).json()
    kept = await issuer.family("poster")
    bodies += [await issuer.refresh(kept, "app"), await issuer.refresh(kept, "poster", scope="everything")]
    bodies += [await issuer.refresh(kept + "x", "poster"), await issuer.login(password=PASSWORDS["bob"])]
    bodies += [await issuer.post("/revoke", {"token": kept}, "poster"), await issuer.post("/revoke", {"token": kept}, "app")]
    bodies += [
        await issuer.http.post("/token", headers={"Authorization": basic("app", SECRETS["other"])}, data={"grant_type": "x"})
    ]
    bodies += [
        await issuer.http.post("/token?client_secret=" + SECRETS["app"]),
        await issuer.http.get("/" + SECRETS["poster"][:0]),
    ]
    await issuer.advance(151)
    bodies += [await issuer.refresh(first["refresh_token"], "first-party")]
    tokens = [first["access_token"], first["refresh_token"], rotated["access_token"], rotated["refresh_token"], kept]
    secrets = [*PASSWORDS.values(), *SECRETS.values(), *tokens, machine["access_token"]]
    # A signature or the secret part of a token would be enough to know it again.
    secrets += [token[-40:] for token in tokens]

    log, answers, cells = "\n".join(issuer.log), "\n".join(body.text for body in bodies), list(_cells(issuer.dump()))

    assert len(issuer.log) >= 12
    for secret in secrets:
        assert secret not in log
        assert secret not in answers
        assert not [where for where, text in cells if secret.encode() in text]


async def test_what_is_stored_of_a_secret_is_where_it_belongs(issuer: Issuer) -> None:
    token = await issuer.family("app")
    digests = {
        ("client_secret", "digest"): hashlib.sha256(SECRETS["app"].encode()).digest(),
        ("refresh_family", "cur_hash"): hashlib.sha256(token.encode()).digest(),
    }
    cells = list(_cells(issuer.dump()))

    for place, digest in digests.items():
        assert [where for where, text in cells if digest in text] == [place]


async def test_a_stolen_database_file_holds_no_secret(issuer: Issuer) -> None:
    """The file as it lies on the disk, its write-ahead log included: also what was overwritten or deleted."""
    first = await issuer.family()
    second = (await issuer.refresh(first)).json()["refresh_token"]
    stolen = _files(issuer.database.url.removeprefix("sqlite:///"))

    assert hashlib.sha256(second.encode()).digest() in stolen
    for secret in (*PASSWORDS.values(), *SECRETS.values(), first, second):
        assert secret.encode() not in stolen


def _files(path: str) -> bytes:
    return Path(path).read_bytes() + Path(f"{path}-wal").read_bytes()


def _cells(dump: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[tuple[str, str], bytes]]:
    for table, rows in dump.items():
        for row in rows:
            for column, value in row.items():
                yield (table, column), value if isinstance(value, bytes) else str(value).encode()
