"""Python libraries, each as its README says: `python python_peers.py NAME`.

Understands `new` (a verifier of an issuer), `verify` (one token), `many` (several) and `stall` (one token inside an event loop; answers
for how long the loop stood still).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Any, TypeAlias

Verify = Callable[[str], object]
AsyncVerify = Callable[[str], Awaitable[object]]


def pyjwt(issuer: str, jwks_uri: str, audience: str) -> Verify:
    """PyJWT with its PyJWKClient."""
    import jwt

    client = jwt.PyJWKClient(jwks_uri)

    def verify(token: str) -> object:
        signing_key = client.get_signing_key_from_jwt(token)
        return jwt.decode(token, signing_key, algorithms=["RS256"], audience=audience, issuer=issuer)

    return verify


def authlib(issuer: str, jwks_uri: str, audience: str) -> Verify:
    """Authlib's validator of RFC 9068, with `get_jwks` and its cache as the docstring of the method writes them."""
    from authlib.oauth2.rfc9068 import JWTBearerTokenValidator  # it ships no types

    cache: dict[str, Any] = {}

    class Validator(JWTBearerTokenValidator):  # type: ignore[misc]  # of a class without types
        def get_jwks(self) -> object:
            if "jwks" not in cache:
                with urllib.request.urlopen(jwks_uri) as answer:
                    cache["jwks"] = json.load(answer)
            return cache["jwks"]

    validator = Validator(issuer=issuer, resource_server=audience)

    def verify(token: str) -> object:
        claims = validator.authenticate_token(token)
        validator.validate_token(claims, [], None)
        return claims

    return verify


def joserfc(issuer: str, jwks_uri: str, audience: str) -> Verify:
    """joserfc: `jwt.decode` with a key set, then a registry of claims; fetching is not its business, so keys are fetched once."""
    from joserfc import jwt
    from joserfc.jwk import KeySet

    with urllib.request.urlopen(jwks_uri) as answer:
        key_set = KeySet.import_key_set(json.load(answer))
    registry = jwt.JWTClaimsRegistry(iss={"essential": True, "value": issuer}, aud={"essential": True, "value": audience})

    def verify(token: str) -> object:
        decoded = jwt.decode(token, key_set, algorithms=["RS256"])
        registry.validate(decoded.claims)
        return decoded.claims

    return verify


def fastmcp(issuer: str, jwks_uri: str, audience: str) -> AsyncVerify:
    """FastMCP's JWTVerifier."""
    from fastmcp.server.auth.providers.jwt import JWTVerifier  # type: ignore[import-not-found]  # in an environment of its own

    verifier = JWTVerifier(jwks_uri=jwks_uri, issuer=issuer, audience=audience)

    async def verify(token: str) -> object:
        accepted = await verifier.verify_token(token)
        if accepted is None:
            raise ValueError("not accepted")
        return accepted

    return verify


MAKERS: dict[str, tuple[str, Callable[[str, str, str], Any], bool]] = {
    "pyjwt": ("PyJWT", pyjwt, False),
    "authlib": ("Authlib", authlib, False),
    "joserfc": ("joserfc", joserfc, False),
    "fastmcp": ("fastmcp", fastmcp, True),
}


class Peer:
    """One library, and one event loop for all that is asked of it."""

    def __init__(self, name: str) -> None:
        self.distribution, self._make, self._is_async = MAKERS[name]
        self._verify: Any = None

    async def do(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out one order."""
        if order["do"] == "new":
            self._verify = self._make(order["issuer"], order["jwks_uri"], order["audience"])
            return {}
        if order["do"] == "time passed":
            return {}
        if order["do"] == "many":
            outcomes = [await self._try(token) for token in order["tokens"]]
            return {"accepted": sum(outcome["accepted"] for outcome in outcomes)}
        if order["do"] == "stall":
            return await stall(lambda: self._try(order["token"]))
        if order["do"] == "time":
            return await self._time(order["tokens"])
        return await self._try(order["token"])

    async def _time(self, tokens: list[str]) -> dict[str, Any]:
        if not (await self._try(tokens[0]))["accepted"]:
            raise ValueError("it does not accept what it is timed with")

        async def each(part: Sequence[Any]) -> None:
            for token in part:
                outcome = self._verify(token)
                if self._is_async:
                    await outcome

        us, raw = await interleaved((each, tokens), raw_verification())
        return {"us": us, "raw_us": raw}

    async def _try(self, token: str) -> dict[str, Any]:
        try:
            outcome = self._verify(token)
            if self._is_async:
                await outcome
        except Exception as error:  # noqa: BLE001  # whatever a library raises is its refusal
            return {"accepted": False, "why": f"{type(error).__name__}: {error}"[:200]}
        return {"accepted": True}


# What is done with each of a part of the things, and the things.
Work: TypeAlias = "tuple[Callable[[Sequence[Any]], Awaitable[None]], Sequence[Any]]"


async def interleaved(*works: Work, turns: int = 60, seconds: float = 0.005) -> list[float]:
    """Return for each work, done in turn, microseconds of this thread for one of its operations: the least of its turns.

    In turn, since the machine changes its speed within seconds and a ratio of two moments says nothing; and for as long each, since
    the shorter a turn is, the sooner it finds a moment in which nobody disturbs.

    Args:
        seconds: how long a turn is, about.
    """
    parts = [_parts(things, await _microseconds(act, things), seconds) for act, things in works]
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(turns):
        for times, (act, _things), part in zip(taken, works, parts, strict=True):
            times.append(await _microseconds(act, next(part)))
    return [min(times) for times in taken]


def _parts(things: Sequence[Any], each_us: float, seconds: float) -> Iterator[Sequence[Any]]:
    """Yield as many of the things as take so long, one part behind the other, without end."""
    size = max(1, round(seconds * 1e6 / each_us))
    turn = itertools.cycle(things)
    while True:
        yield list(itertools.islice(turn, size))


async def _microseconds(act: Callable[[Sequence[Any]], Awaitable[None]], part: Sequence[Any]) -> float:
    began = time.thread_time_ns()
    await act(part)
    return (time.thread_time_ns() - began) / len(part) / 1000


def raw_verification() -> Work:
    """Return RSA-2048 verifications with nothing around them."""
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    message = b"x" * 522  # as many as the token has that is timed beside it
    signature, public = private.sign(message, padding.PKCS1v15(), SHA256()), private.public_key()

    async def verify(part: Sequence[Any]) -> None:
        for one in part:
            public.verify(signature, one, padding.PKCS1v15(), SHA256())

    return verify, [message] * 500


async def stall(act: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """Return the outcome, and the longest time that the loop did nothing else meanwhile, in milliseconds."""
    longest, over = 0.0, False

    async def tick() -> None:
        nonlocal longest
        last = time.perf_counter()
        while not over:
            await asyncio.sleep(0.002)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0.05)
    longest = 0.0
    outcome = await act()
    await asyncio.sleep(0.01)
    over = True
    await ticking
    return {**outcome, "stalled_ms": longest * 1000}


async def serve(do: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]], told_version: str) -> None:
    """Answer each line of standard input."""
    print(json.dumps({"version": told_version}), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await do(json.loads(line))), flush=True)


def main() -> None:
    """Serve the library that is named."""
    peer = Peer(sys.argv[1])
    asyncio.run(serve(peer.do, version(peer.distribution)))


if __name__ == "__main__":
    main()
