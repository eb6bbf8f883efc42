"""Keys, tokens and an issuer's public side of the tests' own making: nothing here is taken from the auth server.

Tokens are made by hand, from `cryptography` and base64url alone, so that they can be wrong in every way.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from resource_server import Guard
from resource_server.verifier.key_set import KeySet, parse_key_set
from resource_server.verifier.policy import Policy
from shared import base64url

NOW: Final = 1_800_000_000
ISSUER: Final = "https://id.example.com"
AUDIENCE: Final = "https://notes.example.com"
RS256_ONLY: Final = frozenset({"RS256"})

Signer = Callable[[bytes], bytes]


_KEYS: Final[dict[tuple[object, ...], Any]] = {}


def _once(make: Callable[[], Any], *name: object) -> Any:
    """A key that is made once for the whole run."""
    if name not in _KEYS:
        _KEYS[name] = make()
    return _KEYS[name]


def rsa_key(name: str = "one", bits: int = 2048) -> rsa.RSAPrivateKey:
    key: rsa.RSAPrivateKey = _once(lambda: rsa.generate_private_key(65537, bits), "rsa", name, bits)
    return key


def ec_key(name: str = "one") -> ec.EllipticCurvePrivateKey:
    key: ec.EllipticCurvePrivateKey = _once(lambda: ec.generate_private_key(ec.SECP256R1()), "ec", name)
    return key


def ed_key(name: str = "one") -> ed25519.Ed25519PrivateKey:
    key: ed25519.Ed25519PrivateKey = _once(ed25519.Ed25519PrivateKey.generate, "ed", name)
    return key


def number(value: int) -> str:
    return base64url.encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def rsa_jwk(kid: str = "one", key: rsa.RSAPrivateKey | None = None, **members: object) -> dict[str, object]:
    public = (key or rsa_key(kid)).public_key().public_numbers()
    return {"kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig", "n": number(public.n), "e": number(public.e), **members}


def ec_jwk(kid: str = "ec", key: ec.EllipticCurvePrivateKey | None = None, **members: object) -> dict[str, object]:
    public = (key or ec_key()).public_key().public_numbers()
    x, y = (base64url.encode(part.to_bytes(32, "big")) for part in (public.x, public.y))
    return {"kty": "EC", "crv": "P-256", "kid": kid, "alg": "ES256", "use": "sig", "x": x, "y": y, **members}


def ed_jwk(kid: str = "ed", **members: object) -> dict[str, object]:
    x = base64url.encode(ed_key().public_key().public_bytes_raw())
    return {"kty": "OKP", "crv": "Ed25519", "kid": kid, "alg": "Ed25519", "use": "sig", "x": x, **members}


def rs256(key: rsa.RSAPrivateKey | None = None, algorithm: hashes.HashAlgorithm | None = None) -> Signer:
    return lambda message: (key or rsa_key()).sign(message, padding.PKCS1v15(), algorithm or hashes.SHA256())


def ps256(message: bytes) -> bytes:
    return rsa_key().sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())


def es256(message: bytes) -> bytes:
    r, s = decode_dss_signature(ec_key().sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def eddsa(message: bytes) -> bytes:
    return ed_key().sign(message)


def a_header(**members: object) -> dict[str, object]:
    """A good header; a member that is `...` is left out."""
    return _without_gaps({"alg": "RS256", "typ": "at+jwt", "kid": "one", **members})


def claims(**members: object) -> dict[str, object]:
    """Good claims of a person's token; a member that is `...` is left out."""
    good = {
        "iss": ISSUER,
        "sub": "alice",
        "aud": AUDIENCE,
        "exp": NOW + 600,
        "iat": NOW,
        "jti": "token-1",
        "client_id": "app",
        "scope": "notes:read",
    }
    return _without_gaps({**good, **members})


def _without_gaps(members: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not ...}


def segment(value: object) -> bytes:
    """One part of a token: bytes and text as they are, anything else as JSON."""
    raw = value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else json.dumps(value).encode()
    return base64url.encode(raw).encode("ascii")


def a_token(payload: object = ..., header: object = ..., sign: Signer | None = None) -> bytes:
    """A compact token, validly signed by key `one` unless told otherwise."""
    signing_input = segment(a_header() if header is ... else header) + b"." + segment(claims() if payload is ... else payload)
    return signing_input + b"." + base64url.encode((sign or rs256())(signing_input)).encode("ascii")


def a_key_set(*keys: Mapping[str, object], algorithms: frozenset[str] = RS256_ONLY, **members: object) -> KeySet:
    return parse_key_set(jwks(*keys, **members), algorithms)


def jwks(*keys: object, **members: object) -> bytes:
    return json.dumps({"keys": list(keys) or [rsa_jwk()], **members}).encode()


def a_policy(**members: Any) -> Policy:
    return Policy(**{"issuer": ISSUER, "audiences": frozenset({AUDIENCE}), **members})


@dataclass
class Reply:
    """What the misbehaving server answers at one path; `act` may write anything at all to the connection instead."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    act: Callable[[BaseHTTPRequestHandler], None] | None = None


class IssuerServer:
    """An issuer's public side on a loopback port, which can be told to misbehave. Counts what it was asked, and when."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.asked: list[tuple[str, float]] = []
        self.seen_headers: list[dict[str, str]] = []
        # Set while the server may answer; cleared, every request waits. Set again at the end, so that no thread is left behind.
        self.open = threading.Event()
        self.open.set()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        self.publish(rsa_jwk())

    def publish(self, *keys: object, **members: object) -> None:
        """Publish a key set, and metadata that name it."""
        self.replies["/jwks"] = Reply(jwks(*keys, **members))
        self.describe()

    def describe(self, **members: object) -> None:
        document = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", **members}
        self.replies["/.well-known/openid-configuration"] = Reply(json.dumps(document).encode())

    def token(self, **members: object) -> bytes:
        """Return a token as this issuer makes them, with other claims where a test wants them."""
        return a_token(claims(**{"iss": self.url, **members}))

    def times(self, path: str = "/jwks") -> list[float]:
        return [at for asked, at in self.asked if asked == path]

    def stop(self) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append((self.path, time.monotonic()))
                issuer.seen_headers.append({name.lower(): value for name, value in self.headers.items()})
                issuer.open.wait(10)
                reply = issuer.replies.get(self.path) or issuer.replies.get(self.path.partition("?")[0], Reply(status=404))
                if reply.act is not None:
                    reply.act(self)
                    return
                self.send_response(reply.status)
                self.send_header("Content-Length", str(len(reply.body)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, *_: object) -> None:
                return

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that hangs up early is what many of these tests are about."""


@contextmanager
def an_issuer() -> Iterator[IssuerServer]:
    server = IssuerServer()
    try:
        yield server
    finally:
        server.stop()


class Events(list[tuple[str, str, dict[str, object]]]):
    """What a guard told its operator."""

    def __call__(self, level: str, event: str, fields: Mapping[str, object]) -> None:
        self.append((level, event, dict(fields)))

    def named(self, event: str) -> list[dict[str, object]]:
        return [fields for _level, name, fields in self if name == event]


@contextmanager
def a_guard(issuer: IssuerServer, **options: Any) -> Iterator[Guard]:
    """A guard of the tests' API, at the tests' time, whose issuer is the loopback server."""
    guard = Guard(**{"issuer": issuer.url, "audience": AUDIENCE, "clock": lambda: NOW, "on_event": Events(), **options})
    try:
        yield guard
    finally:
        guard.close()
