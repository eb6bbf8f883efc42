"""gRPC, MCP and functions: the same questions as in `test_adapters.py`, and the answers mapped to what each can say."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from tests.conformance.test_adapters import paced, refusal
from tests.resource_server.adapters.examples import Example, command, environment, free_port, running
from tests.resource_server.support import an_issuer

# gRPC.


@pytest.fixture(scope="module")
def service() -> Iterator[Example]:
    with running("grpc") as started:
        yield started


def called(service: Example, method: str, *tokens: bytes, stream: bool = False) -> Any:
    """Call a method with an `authorization` entry for each token; return what it answers, or the error it ends with."""
    metadata = tuple(("authorization", "Bearer " + token.decode()) for token in tokens)

    async def call() -> Any:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
            kind = channel.unary_stream if stream else channel.unary_unary
            ask = kind(
                f"/shop.Orders/{method}", request_serializer=lambda it: json.dumps(it).encode(), response_deserializer=json.loads
            )
            try:
                if stream:
                    return [answer async for answer in ask({}, metadata=metadata, timeout=20)]
                return await ask({}, metadata=metadata, timeout=20)
            except grpc.aio.AioRpcError as error:
                return error

    return asyncio.run(call())


def told(error: grpc.aio.AioRpcError) -> dict[str, str]:
    return {str(name): str(value) for name, value in error.trailing_metadata()}


def test_a_good_token_calls_and_the_caller_is_known(service: Example) -> None:
    assert called(service, "Ping") == {"status": "alive"}
    assert called(service, "Me", service.token(sub="carol", scope="")) == {"sub": "carol"}
    assert called(service, "List", service.token(sub="carol")) == {"orders": [], "sub": "carol"}


def test_the_caller_is_known_in_streams_and_in_threads(service: Example) -> None:
    assert [answer["sub"] for answer in called(service, "Watch", service.token(sub="carol"), stream=True)] == ["carol", "carol"]
    assert called(service, "ListAll", service.token(sub="dave", roles=["admin"])) == {"orders": [], "sub": "dave"}


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_without_a_token_is_unauthenticated(service: Example, stream: bool) -> None:
    error = called(service, "Watch" if stream else "List", stream=stream)

    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert told(error)["reason"] == "no_token"
    assert told(error)["www-authenticate"].startswith("Bearer resource_metadata=")


def test_a_bad_token_is_unauthenticated(service: Example) -> None:
    token = service.token()
    for bad, reason in (
        (token[:-4] + b"AAAA", "bad_signature"),
        (service.token(aud="x"), "wrong_audience"),
        (b"x", "malformed_token"),
    ):
        error = called(service, "List", bad)
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert told(error)["reason"] == reason
        assert 'error="invalid_token"' in told(error)["www-authenticate"]


def test_two_tokens_at_once_are_an_invalid_argument(service: Example) -> None:
    error = called(service, "List", service.token(), service.token())

    assert (error.code(), told(error)["reason"]) == (grpc.StatusCode.INVALID_ARGUMENT, "invalid_request")


def test_too_little_scope_and_a_missing_role_are_permission_denied(service: Example) -> None:
    scope, role = called(service, "List", service.token(scope="orders:reads")), called(service, "ListAll", service.token())
    streamed = called(service, "Watch", service.token(scope="x"), stream=True)

    assert {error.code() for error in (scope, role, streamed)} == {grpc.StatusCode.PERMISSION_DENIED}
    assert [told(error)["reason"] for error in (scope, role, streamed)] == [
        "insufficient_scope",
        "missing_role",
        "insufficient_scope",
    ]
    assert 'scope="orders:read"' in told(scope)["www-authenticate"]
    assert "scope=" not in told(role)["www-authenticate"].replace("insufficient_scope", "")


def test_a_method_that_is_not_there_says_so_to_nobody_without_a_token(service: Example) -> None:
    assert called(service, "Nothing").code() is grpc.StatusCode.UNAUTHENTICATED
    assert called(service, "Nothing", service.token()).code() is grpc.StatusCode.UNIMPLEMENTED


def test_while_it_cannot_be_decided_the_service_is_unavailable(service: Example) -> None:
    called(service, "Me", service.token())
    replies, service.issuer.replies = service.issuer.replies, {}
    try:
        errors = (called(service, "List", service.token({"kid": "new"})) for _ in paced())
        error = next(error for error in errors if told(error)["reason"] != "unknown_key")
    finally:
        service.issuer.replies = replies

    assert (error.code(), told(error)["reason"]) == (grpc.StatusCode.UNAVAILABLE, "keys_unavailable")
    assert int(told(error)["retry-after"]) >= 1
    assert "www-authenticate" not in told(error)


# MCP.

WHO_AM_I = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}}


@pytest.fixture(scope="module")
def tools() -> Iterator[Example]:
    with running("mcp") as started:
        yield started


def posted(tools: Example, *tokens: bytes) -> Any:
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    return tools.ask("/mcp", *tokens, method="POST", headers=headers, body=json.dumps(WHO_AM_I).encode())


def test_a_tool_knows_who_calls_it(tools: Example) -> None:
    answer = posted(tools, tools.token(sub="carol"))

    assert answer.status == 200
    assert answer.json["result"]["content"][0]["text"] == "carol"


def test_mcp_refuses_in_the_words_of_every_adapter(tools: Example) -> None:
    token = tools.token()

    refusal(tools, posted(tools), 401, "no_token")
    refusal(tools, posted(tools, token[:-4] + b"AAAA"), 401, "bad_signature", error="invalid_token")
    refusal(tools, posted(tools, token, token), 400, "invalid_request", error="invalid_request")
    refusal(
        tools, posted(tools, tools.token(scope="x")), 403, "insufficient_scope", error="insufficient_scope", scope="orders:read"
    )


def test_mcp_serves_the_metadata_that_its_clients_begin_with(tools: Example) -> None:
    document = tools.ask("/.well-known/oauth-protected-resource").json

    assert (document["resource"], document["authorization_servers"]) == (tools.audience, [tools.issuer.url])
    assert document["scopes_supported"] == ["orders:read"]


def test_mcp_says_503_while_it_cannot_be_decided(tools: Example) -> None:
    assert posted(tools, tools.token()).status == 200
    replies, tools.issuer.replies = tools.issuer.replies, {}
    try:
        answers = (posted(tools, tools.token({"kid": "new"})) for _ in paced())
        answer = next(answer for answer in answers if answer.json["reason"] != "unknown_key")
    finally:
        tools.issuer.replies = replies

    assert (answer.status, answer.json["reason"]) == (503, "keys_unavailable")


# Functions.


def test_a_worker_does_what_good_tokens_ask_and_refuses_the_rest() -> None:
    port = free_port()
    with an_issuer() as issuer:
        client = Example(port, issuer)
        jobs = [
            {"token": client.token(scope="orders:write", sub="carol").decode(), "order": 1},
            {"token": client.token().decode(), "order": 2},
            {"token": client.token(aud="https://other.example", scope="orders:write").decode(), "order": 3},
            {"token": "", "order": 4},
        ]
        done = subprocess.run(
            [word for word in command("worker", port) if word != str(port)],
            env=environment(issuer.url, port),
            input="".join(json.dumps(job) + "\n" for job in jobs),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )

    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"placed": 1, "for": "carol"},
        {"refused": "insufficient_scope"},
        {"refused": "wrong_audience"},
        {"refused": "malformed_token"},
    ]
