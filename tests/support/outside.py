"""The outside world on loopback: TLS servers with names of their own, certified by an authority that only tests know.

The rules of `outbound/fetch.py` stay in force: names resolve to public addresses here, and only the last step, the connection, goes to
loopback instead of there.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PUBLIC: Final = "93.184.215.14"
Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Outside:
    """Every server there is, by name and path; whoever is asked for is written down.

    Attributes:
        pages: URL to a JSON value, or to the bytes of a whole answer, or to something that talks on the connection.
        addresses: host to what its name resolves to, in turn: each look-up takes the next answer, the last one stays.
        asked: each request that arrived, `METHOD URL`.
        bodies: the bodies of what was posted.
        dialled: each connection that was tried, `host address`.
    """

    folder: Path
    pages: dict[str, Any] = field(default_factory=dict)
    addresses: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    dialled: list[str] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    port: int = 0

    async def resolve(self, host: str) -> Sequence[str]:
        """Answer like a resolver."""
        self.looked_up.append(host)
        answers = self.addresses.get(host, [[PUBLIC]])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def connect(self, address: str, host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to loopback; the certificate must be the host's all the same."""
        self.dialled.append(f"{host} {address}")
        context = _trusting(self.folder)
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname=host, limit=64 * 1024)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        finally:
            self.under_way -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, path, _ = head.split(" ", 2)
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        if length := int(headers.get("content-length", "0")):
            self.bodies.append(await reader.readexactly(length))
        url = f"https://{headers['host']}{path}"
        self.asked.append(f"{method} {url}")
        self.heads.append(head)
        page = self.pages.get(url)
        if callable(page):
            await page(reader, writer)
            return
        writer.write(page if isinstance(page, bytes) else answer(404) if page is None else answer(200, json.dumps(page).encode()))
        await writer.drain()


class NoNetwork:
    """Nothing outside: whoever looks a name up is refused, and a connection is a bug."""

    def __init__(self) -> None:
        self.looked_up: list[str] = []

    async def resolve(self, host: str) -> Sequence[str]:
        """Know nobody."""
        self.looked_up.append(host)
        raise OSError("this test has no network")

    async def connect(self, address: str, host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Never reached."""
        raise AssertionError(f"a connection to {address} for {host}")


def answer(status: int, body: bytes = b"", media_type: str = "application/json", *more: str) -> bytes:
    """Return the bytes of an HTTP answer."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {media_type}", f"Content-Length: {len(body)}", *more]
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextlib.asynccontextmanager
async def an_outside(folder: Path, name: str = "*.outside.example") -> AsyncIterator[Outside]:
    """Run the servers. `name` is what their certificate is for."""
    outside = Outside(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*_certificate(folder, name))
    server = await asyncio.start_server(outside.serve, "127.0.0.1", 0, ssl=context)
    outside.port = server.sockets[0].getsockname()[1]
    try:
        yield outside
    finally:
        server.close()
        server.close_clients() if hasattr(server, "close_clients") else None


@functools.cache
def _trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "authority.pem"))


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Write an authority, and a certificate of it for `name`; return the paths of certificate and key."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _signed("authority", authority_key.public_key(), "authority", authority_key, ca=True)
    leaf = _signed(name, key.public_key(), "authority", authority_key, ca=False)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "authority.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    (folder / "leaf.pem").write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "leaf.key").write_bytes(private)
    return folder / "leaf.pem", folder / "leaf.key"


def _signed(name: str, public_key: Any, by: str, by_key: Any, *, ca: bool) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, by)]))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by_key.public_key()), critical=False)
    )
    if ca:
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(by_key, hashes.SHA256())
