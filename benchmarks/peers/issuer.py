"""The issuer that misbehaves: one HTTPS server with a realm for each scenario, whose keys, delay and failures can be switched."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import json
import secrets
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from shared import base64url

AUDIENCE: Final = "https://api.example"
# A `kid` as long as the thumbprint (RFC 7638) that an issuer of ours puts there.
THUMBPRINT: Final = "WVPy8b3O4hX1uKxJc0Zr2mQ7eTn5aLd9fGsBqHvYiN6"
_LIFETIME: Final = 600
_HOUR: Final = 3600
_FEED_SECONDS: Final = 20.0
_HOST: Final = "localhost"


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """Return the signing key of this name, made once in a run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Realm:
    """One issuer: its address, the keys it publishes, how long those take, and whether it hangs up on everybody."""

    url: str
    keys: tuple[str, ...] = ("A",)
    down: bool = False
    delay: float = 0.0
    fetches: int = 0
    # Keys that are published too and that nobody has; keys that are burned, which the key set and a signed feed tell.
    others: int = 0
    burned: tuple[str, ...] = ()
    # Seconds by which the clock of whoever is served runs ahead of this one.
    ahead: float = 0.0
    lock: threading.Condition = field(default_factory=threading.Condition)

    @property
    def jwks_uri(self) -> str:
        """Return where the keys are."""
        return f"{self.url}/.well-known/jwks.json"

    def token(self, name: str = "A", *, header: Mapping[str, Any] | None = None, **members: Any) -> str:
        """Return an access token (RFC 9068) signed by a key; a member that is `...` is left out."""
        now = int(time.time() + self.ahead)
        claims = {
            "iss": self.url,
            "sub": "alice",
            "aud": AUDIENCE,
            "exp": now + _LIFETIME,
            "iat": now,
            "jti": secrets.token_urlsafe(12),
            "client_id": "app",
            "scope": "read",
            **members,
        }
        return sign(key(name), {"alg": "RS256", "typ": "at+jwt", "kid": name, **(header or {})}, claims)

    def token_of_somebody(self) -> str:
        """Return an access token as somebody gets it who signed in: 11 claims, some 867 bytes, the token that the budget is stated for.

        What a token costs goes by its length, most of all where a library looks at each character.
        """
        return self.token(
            self.keys[0],
            exp=self.now() + _HOUR,
            sub=secrets.token_urlsafe(16),
            jti=secrets.token_urlsafe(16),
            client_id="first-party",
            scope="notes:read notes:write",
            roles=["editor", "reviewer"],
            auth_time=self.now(),
            sid=secrets.token_urlsafe(16),
        )

    def key_set(self) -> str:
        """Return the key set document."""
        keys = [public_jwk(name) for name in self.keys] + [_made_up(number) for number in range(self.others)]
        return json.dumps({"keys": keys, "epoch": len(self.burned), "revoked": list(self.burned)})

    def burn(self, name: str, successor: str) -> None:
        """Publish the successor in its place, and say at once to whoever listens that the key is dead."""
        key(successor)
        with self.lock:
            self.keys, self.burned = (successor,), (*self.burned, name)
            self.lock.notify_all()

    def feed(self, asked: Mapping[str, str]) -> str:
        """Return the page of the revocation feed behind a cursor, waiting for news if the question says so."""
        after = int(asked["after"]) if "after" in asked else None
        with self.lock:
            if after == len(self.burned) and "wait" in asked:
                self.lock.wait(_FEED_SECONDS)
            start, now = after or 0, self.now()
            entries = [
                {"n": number, "t": now, "kind": "kid", "key": name, "until": now + _LIFETIME}
                for number, name in enumerate(self.burned, 1)
            ][start:]
            page = {"iss": self.url, "iat": now, "from": start + 1, "to": len(self.burned), "key_epoch": len(self.burned)}
            page |= {"entries": entries} | ({} if after is not None else {"snapshot": True})
        signer = self.keys[0]
        return sign(key(signer), {"alg": "RS256", "typ": "revocation-feed+jwt", "kid": signer}, page)

    def now(self) -> int:
        """Return the time of whoever is served."""
        return int(time.time() + self.ahead)

    def answer(self, path: str) -> bytes | None:
        """Return the document at a path of this realm."""
        if path == "/.well-known/jwks.json":
            with self.lock:
                self.fetches += 1
            return self.key_set().encode()
        if urlsplit(path).path == "/feed":
            return self.feed(dict(parse_qsl(urlsplit(path).query))).encode()
        if path in {"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"}:
            return json.dumps(
                {
                    "issuer": self.url,
                    "jwks_uri": self.jwks_uri,
                    "authorization_endpoint": f"{self.url}/authorize",
                    "token_endpoint": f"{self.url}/token",
                    "revocation_feed_endpoint": f"{self.url}/feed",
                    "revocation_feed_signing_alg_values_supported": ["RS256"],
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                }
            ).encode()
        return None


def sign(private: rsa.RSAPrivateKey, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """Return a compact JWS."""
    kept = {name: value for name, value in claims.items() if value is not ...}
    signing_input = ".".join(base64url.encode(json.dumps(part, separators=(",", ":")).encode()) for part in (dict(header), kept))
    signature = private.sign(signing_input.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signing_input}.{base64url.encode(signature)}"


def public_jwk(name: str) -> dict[str, str]:
    """Return the public half of a key."""
    numbers = key(name).public_key().public_numbers()
    n = base64url.encode(numbers.n.to_bytes(256, "big"))
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": name, "n": n, "e": "AQAB"}


def _made_up(number: int) -> dict[str, str]:
    """Return a public key without a private half: as large as another, and quick to make."""
    modulus = int.from_bytes(hashlib.shake_256(b"%d" % number).digest(256), "big") | 1 | 1 << 2047
    n = base64url.encode(modulus.to_bytes(256, "big"))
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": f"other-{number}", "n": n, "e": "AQAB"}


class Issuer:
    """The server. Its certificate is its own authority: clients are given it as the one they trust."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "certificate.pem"
        self._realms: dict[str, Realm] = {}
        context = _tls(folder, self.certificate)
        self._server = _Server(("127.0.0.1", 0), _handler(self._realms))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def realm(self, ahead: float = 0.0) -> Realm:
        """Return a new realm with a path of its own."""
        name = f"realm{len(self._realms)}"
        realm = Realm(f"https://{_HOST}:{self._server.server_port}/{name}", ahead=ahead)
        self._realms[name] = realm
        return realm

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that hangs up early is of no interest here."""


def _handler(realms: Mapping[str, Realm]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, _, rest = self.path.lstrip("/").partition("/")
            realm = realms.get(name)
            if realm is None:
                self.send_error(404)
                return
            fetched = realm.fetches
            body = realm.answer("/" + rest)
            if realm.fetches > fetched:
                time.sleep(realm.delay)
            if realm.down:
                self.close_connection = True
                return
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body or b"")))
            self.send_header("Cache-Control", "public, max-age=300")
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            return

    return Handler


def _tls(folder: Path, certificate: Path) -> ssl.SSLContext:
    """Make a certificate for loopback that is its own authority; return the server's context."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "benchmark issuer")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(_HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(names, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = folder / "certificate.key"
    secret.write_bytes(
        private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, secret)
    return context


@contextmanager
def an_issuer(folder: Path) -> Iterator[Issuer]:
    """Serve for as long as the block lasts."""
    issuer = Issuer(folder)
    try:
        yield issuer
    finally:
        issuer.stop()
