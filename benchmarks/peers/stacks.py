"""One and the same `GET /me`, open and protected: `python -m benchmarks.peers.stacks KIND PORT ISSUER JWKS AUDIENCE`.

`starlette` and `fastapi` are open; what follows a `+` protects: the kit with and without remembered tokens, or PyJWT as tutorials write it.
`digest` and `rsa` protect nothing: they do the one thing that no protection can leave out, and show how near to an open server it may come.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from hashlib import sha256
from typing import Annotated, Any, Final

import jwt
import uvicorn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from resource_server import Guard

KINDS: Final = (
    "starlette",
    "starlette+digest",
    "starlette+rsa",
    "starlette+kit",
    "starlette+kit-uncached",
    "starlette+pyjwt",
    "fastapi",
    "fastapi+kit",
    "fastapi+pyjwt",
)
# At the module: FastAPI looks annotations up there.
_BEARER: Final = HTTPBearer()
_WELCOME: Final = {"sub": "alice", "scope": "read"}


async def ready(_request: Request) -> Response:
    return PlainTextResponse("ready")


def decoder(issuer: str, jwks_uri: str, audience: str) -> Callable[[str], dict[str, Any]]:
    """Return PyJWT's verification, with keys by PyJWKClient."""
    client = jwt.PyJWKClient(jwks_uri)

    def decode(token: str) -> dict[str, Any]:
        signing_key = client.get_signing_key_from_jwt(token)
        return jwt.decode(token, signing_key, algorithms=["RS256"], audience=audience, issuer=issuer)

    return decode


def starlette(kind: str, issuer: str, jwks_uri: str, audience: str) -> Any:
    """Return the Starlette application of a kind."""
    decode = decoder(issuer, jwks_uri, audience)

    async def open_(_request: Request) -> Response:
        return JSONResponse(_WELCOME)

    async def by_kit(request: Request) -> Response:
        who = request.auth
        return JSONResponse({"sub": who.sub, "scope": "read"})

    async def by_pyjwt(request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return JSONResponse({"error": "no token"}, 401)
        try:
            claims = decode(token)
        except jwt.PyJWTError:
            return JSONResponse({"error": "invalid_token"}, 401)
        return JSONResponse({"sub": claims["sub"], "scope": "read"})

    least = {"starlette+digest": _digest, "starlette+rsa": _verification}.get(kind)
    me = by_pyjwt if kind == "starlette+pyjwt" else by_kit if "+kit" in kind else open_
    app = Starlette(routes=[Route("/me", me), Route("/ready", ready)])
    if least is not None:
        return Least(app, least())
    return _guarded(app, kind, issuer, audience) if "+kit" in kind else app


class Least:
    """The least that any protection does: find the header, and one operation on the token in it. Refuses nothing."""

    def __init__(self, app: Any, operation: Callable[[bytes], object]) -> None:
        self._app, self._operation = app, operation

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"authorization":
                    self._operation(value)
        await self._app(scope, receive, send)


def _digest() -> Callable[[bytes], object]:
    """Return the look-up of a token that was seen before, by its SHA-256."""
    seen: dict[bytes, bytes] = {}
    return lambda token: seen.setdefault(sha256(token).digest(), b"")


def _verification() -> Callable[[bytes], object]:
    """Return one RSA-2048 verification; of always the same bytes, with a key of its own."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public, signed, scheme, digest = private.public_key(), b"x" * 522, padding.PKCS1v15(), hashes.SHA256()
    signature = private.sign(signed, scheme, digest)
    return lambda _token: public.verify(signature, signed, scheme, digest)


def fastapi(kind: str, issuer: str, jwks_uri: str, audience: str) -> Any:
    """Return the FastAPI application of a kind."""
    decode = decoder(issuer, jwks_uri, audience)

    def caller(credentials: Annotated[HTTPAuthorizationCredentials, Depends(_BEARER)]) -> dict[str, Any]:
        try:
            return decode(credentials.credentials)
        except jwt.PyJWTError as error:
            raise HTTPException(401) from error

    app = FastAPI()
    app.add_route("/ready", ready)
    if kind == "fastapi+pyjwt":

        async def me(who: dict[str, Any] = Depends(caller)) -> dict[str, str]:  # noqa: B008  # as its tutorials write it
            return {"sub": who["sub"], "scope": "read"}
    else:

        async def me() -> dict[str, str]:  # type: ignore[misc]  # one of the two
            return _WELCOME

    app.get("/me")(me)
    return _guarded(app, kind, issuer, audience) if "+kit" in kind else app


def _guarded(app: Any, kind: str, issuer: str, audience: str) -> Any:
    guard = Guard(issuer=issuer, audience=audience, cached_tokens=0 if kind.endswith("uncached") else 10_000)
    guard.warm()
    return guard.wrap(app, public=["/ready"])


def main() -> None:
    """Serve one of them."""
    kind, port, *rest = sys.argv[1:]
    make = fastapi if kind.startswith("fastapi") else starlette
    uvicorn.run(make(kind, *rest), host="127.0.0.1", port=int(port), log_config=None, access_log=False)


if __name__ == "__main__":
    main()
