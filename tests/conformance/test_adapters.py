"""Every adapter of the kit answers the same request with the same status, headers and body: each example runs, over real HTTP.

The answers are spelt out here, so that all adapters together cannot drift either.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.resource_server.adapters.examples import EXAMPLES, FOLDER, OTHERS, Example, running
from tests.resource_server.calls import HttpAnswer

ADAPTERS = Path(__file__).parents[2] / "resource_server" / "adapters"
# Of no framework, and in every example.
PARTS = {"__init__", "contract", "decorator"}


@pytest.fixture(scope="module", params=sorted(EXAMPLES))
def example(request: pytest.FixtureRequest) -> Iterator[Example]:
    with running(request.param) as started:
        yield started


def refusal(example: Example, answer: HttpAnswer, status: int, reason: str, **challenge: str) -> None:
    """Assert that an answer is this refusal, header for header."""
    body = answer.json
    error = challenge.get("error") or reason
    assert (answer.status, body["reason"], body["error"]) == (status, reason, error)
    assert set(body) == {"error", "error_description", "reason"}
    told = dict(challenge)
    if "error" in told:
        told["error_description"] = body["error_description"]
    order = [name for name in ("error", "error_description", "scope") if name in told]
    parts = [f'{name}="{told[name]}"' for name in order]
    parts.append(f'resource_metadata="{example.audience}/.well-known/oauth-protected-resource"')
    assert answer.header("www-authenticate") == "Bearer " + ", ".join(parts)
    plain(answer)


def plain(answer: HttpAnswer) -> None:
    assert answer.header("content-type") == "application/json"
    assert answer.header("content-length") == str(len(answer.body))
    assert answer.header("cache-control") == "no-store"
    assert answer.body == json.dumps(answer.json, separators=(",", ":")).encode()


def test_a_public_path_needs_nothing(example: Example) -> None:
    answer = example.ask("/livez")

    assert (answer.status, answer.json) == (200, {"status": "alive"})


def test_a_good_token_passes_and_the_caller_is_known(example: Example) -> None:
    assert example.ask("/me", example.token(sub="carol")).json == {"sub": "carol"}
    answer = example.ask("/orders", example.token(sub="carol"))
    assert (answer.status, answer.json) == (200, {"orders": [], "sub": "carol"})
    assert example.ask("/admin/orders", example.token(roles=["admin"])).json == {"orders": []}


def test_the_scheme_is_read_in_any_case(example: Example) -> None:
    answer = example.ask("/me", headers={"authorization": "bEARER " + example.token().decode()})

    assert answer.status == 200


@pytest.mark.parametrize("path", ["/me", "/orders", "/admin/orders"])
def test_without_a_token_there_is_the_bare_challenge(example: Example, path: str) -> None:
    refusal(example, example.ask(path), 401, "no_token")


def test_another_scheme_is_no_token(example: Example) -> None:
    refusal(example, example.ask("/me", headers={"Authorization": "Basic YTpi"}), 401, "no_token")


def test_a_token_in_the_address_is_no_token(example: Example) -> None:
    answer = example.ask("/me?access_token=" + example.token().decode())

    refusal(example, answer, 401, "no_token")


@pytest.mark.parametrize("path", ["/me", "/orders", "/admin/orders"])
def test_a_bad_token_is_refused(example: Example, path: str) -> None:
    token = example.token()
    refusal(example, example.ask(path, token[:-4] + b"AAAA"), 401, "bad_signature", error="invalid_token")
    refusal(example, example.ask(path, example.token(aud="https://other.example")), 401, "wrong_audience", error="invalid_token")
    refusal(example, example.ask(path, b"not.a-token"), 401, "malformed_token", error="invalid_token")


def test_two_tokens_at_once_are_refused(example: Example) -> None:
    token = example.token()

    refusal(example, example.ask("/me", token, token), 400, "invalid_request", error="invalid_request")


def test_two_schemes_at_once_are_refused(example: Example) -> None:
    answer = example.ask("/me", example.token(), headers={"Authorization": "Basic YTpi"})

    refusal(example, answer, 400, "invalid_request", error="invalid_request")


@pytest.mark.parametrize("words", ["Bearer", "Bearer ", "Bearer a b"])
def test_not_one_word_after_the_scheme_is_refused(example: Example, words: str) -> None:
    refusal(example, example.ask("/me", headers={"Authorization": words}), 400, "invalid_request", error="invalid_request")


def test_too_little_scope_is_told_with_the_scope(example: Example) -> None:
    answer = example.ask("/orders", example.token(scope="orders:reads orders"))

    refusal(example, answer, 403, "insufficient_scope", error="insufficient_scope", scope="orders:read")


def test_a_missing_role_is_told_without_a_scope(example: Example) -> None:
    answer = example.ask("/admin/orders", example.token(roles=["editor"]))

    refusal(example, answer, 403, "missing_role", error="insufficient_scope")


def test_the_metadata_document_is_served(example: Example) -> None:
    answer = example.ask("/.well-known/oauth-protected-resource")

    assert answer.status == 200
    assert answer.json == {
        "resource": example.audience,
        "authorization_servers": [example.issuer.url],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["orders:read"],
    }
    assert answer.header("content-type") == "application/json"
    assert answer.header("cache-control") == "max-age=300"
    assert answer.header("access-control-allow-origin") == "*"
    head = example.ask("/.well-known/oauth-protected-resource", method="HEAD")
    assert (head.status, head.body) == (200, b"")


def test_while_it_cannot_be_decided_the_answer_is_503(example: Example) -> None:
    """The issuer is down, and a token names a key that nobody here has seen: it may be good."""
    assert example.ask("/orders", example.token()).status == 200
    replies, example.issuer.replies = example.issuer.replies, {}
    try:
        # Two fetches are a second apart, and within it the last good answer counts.
        answers = (example.ask("/orders", example.token({"kid": "new"})) for _ in paced())
        answer = next(answer for answer in answers if answer.json["reason"] != "unknown_key")
        assert example.ask("/orders", example.token()).status == 200
    finally:
        example.issuer.replies = replies

    assert (answer.status, answer.json["reason"], answer.json["error"]) == (503, "keys_unavailable", "temporarily_unavailable")
    assert int(answer.header("retry-after") or "") >= 1
    assert answer.header("www-authenticate") is None
    plain(answer)


def paced() -> Iterator[None]:
    for _ in range(200):
        yield
        time.sleep(0.1)


def test_no_adapter_is_without_an_example_that_runs_here() -> None:
    adapters = {path.stem for path in ADAPTERS.glob("*.py")} - PARTS
    examples = {path.stem.removesuffix("_orders") for path in FOLDER.glob("*_orders.py")}
    runs: set[Any] = {name.partition(":")[0] for name in EXAMPLES} | set(OTHERS)

    assert runs == examples
    assert adapters == runs - {"worker"}
