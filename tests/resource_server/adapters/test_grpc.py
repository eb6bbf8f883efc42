"""gRPC, beyond what the example shows: every kind of method, plain ones in threads, and mistakes of an author."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest

from resource_server import Guard
from tests.resource_server.support import IssuerServer, a_token, claims

KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")


def plain_methods(guard: Guard) -> dict[str, Any]:
    def whole(_request: Any, _context: Any) -> bytes:
        return guard.current.sub.encode()

    def pieces(_request: Any, _context: Any) -> Iterator[bytes]:
        yield guard.current.sub.encode()
        yield guard.current.sub.encode()

    return {kind: pieces if kind.endswith("stream") else whole for kind in KINDS}


def async_methods(guard: Guard) -> dict[str, Any]:
    async def whole(_request: Any, _context: Any) -> bytes:
        return guard.current.sub.encode()

    async def pieces(_request: Any, _context: Any) -> AsyncIterator[bytes]:
        yield guard.current.sub.encode()
        yield guard.current.sub.encode()

    return {kind: pieces if kind.endswith("stream") else whole for kind in KINDS}


async def call_all(guard: Guard, methods: dict[str, Any], tokens: list[bytes]) -> list[Any]:
    server = grpc.aio.server(interceptors=[guard.grpc()])
    handlers = {kind: getattr(grpc, f"{kind}_rpc_method_handler")(method) for kind, method in methods.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("x.Y", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    metadata = tuple(("authorization", "Bearer " + token.decode()) for token in tokens)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            return [await ask(channel, kind, metadata, sends=bool(tokens)) for kind in methods]
    finally:
        await server.stop(None)


async def ask(channel: Any, kind: str, metadata: Any, *, sends: bool) -> Any:
    """Call one method; with `sends` False, a client that streams waits for the answer before it sends anything.

    This client tells INTERNAL, of its own, where it is still sending when the refusal comes.
    """

    async def requests() -> AsyncIterator[bytes]:
        if not sends:
            await asyncio.Event().wait()
        yield b"1"
        yield b"2"

    request = requests() if kind.startswith("stream") else b"1"
    call = getattr(channel, kind)(f"/x.Y/{kind}")(request, metadata=metadata, timeout=20)
    try:
        return [answer async for answer in call] if kind.endswith("stream") else [await call]
    except grpc.aio.AioRpcError as error:
        return error.code()


@pytest.mark.parametrize("methods", [plain_methods, async_methods])
def test_every_kind_of_method_knows_its_caller(guard: Guard, issuer: IssuerServer, methods: Any) -> None:
    answers = asyncio.run(call_all(guard, methods(guard), [a_token(claims(iss=issuer.url))]))

    assert answers == [[b"alice"], [b"alice"] * 2, [b"alice"], [b"alice"] * 2]


@pytest.mark.parametrize("methods", [plain_methods, async_methods])
def test_no_kind_of_method_is_called_without_a_token(guard: Guard, methods: Any) -> None:
    answers = asyncio.run(call_all(guard, methods(guard), []))

    assert answers == [grpc.StatusCode.UNAUTHENTICATED] * 4


def test_a_text_in_the_place_of_a_list_is_a_mistake(guard: Guard) -> None:
    with pytest.raises(TypeError):
        guard.grpc({"/x.Y/Z": "orders:read"})
    with pytest.raises(TypeError):
        guard.grpc(public="/x.Y/Z")
    with pytest.raises(ValueError, match="scope"):
        guard.grpc({"/x.Y/Z": ["two words"]})
