"""gRPC: one interceptor, and `guard.current`. JSON stands in for generated messages, so that the example needs no compiler."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc

from resource_server import Guard

guard = Guard.from_env()
interceptor = guard.grpc(
    {
        "/shop.Orders/List": ["orders:read"],
        "/shop.Orders/Watch": ["orders:read"],
        "/shop.Orders/ListAll": guard.requirement(role="admin"),
    },
    public={"/shop.Orders/Ping"},
)


async def ping(request: Any, context: Any) -> dict[str, Any]:
    return {"status": "alive"}


async def me(request: Any, context: Any) -> dict[str, Any]:
    return {"sub": guard.current.sub}


async def list_orders(request: Any, context: Any) -> dict[str, Any]:
    return {"orders": [], "sub": guard.current.sub}


async def watch(request: Any, context: Any) -> AsyncIterator[dict[str, Any]]:
    yield {"order": 1, "sub": guard.current.sub}
    yield {"order": 2, "sub": guard.current.sub}


def list_all(request: Any, context: Any) -> dict[str, Any]:
    return {"orders": [], "sub": guard.current.sub}  # a plain method: gRPC runs it in a thread


def method(kind: Any, behaviour: Any) -> Any:
    return kind(behaviour, request_deserializer=json.loads, response_serializer=lambda answer: json.dumps(answer).encode())


async def serve(port: int) -> None:
    server = grpc.aio.server(interceptors=[interceptor])
    unary = grpc.unary_unary_rpc_method_handler
    methods = {
        "Ping": method(unary, ping),
        "Me": method(unary, me),
        "List": method(unary, list_orders),
        "Watch": method(grpc.unary_stream_rpc_method_handler, watch),
        "ListAll": method(unary, list_all),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Orders", methods),))
    server.add_insecure_port(f"127.0.0.1:{port}")  # behind your own TLS
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
