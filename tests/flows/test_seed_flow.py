"""The seed workflow, row by row, through two real processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet

from auth_server.services import build_services
from auth_server.settings import load
from docs.demo import forgery
from docs.demo.story import call, decode
from tests.flows.pair import OTHER_API, Pair


def test_credentials_are_exchanged_once_for_a_token(pair: Pair) -> None:
    answer = pair.login("alice")
    token = answer.body["access_token"]

    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.body["token_type"] == "Bearer"
    assert answer.body["expires_in"] == 2
    assert answer.body["scope"] == "notes:read notes:write"
    assert [pair.get("/me", token).status for _ in range(3)] == [200, 200, 200]


def test_a_token_is_header_payload_signature_that_any_jwt_library_can_read(pair: Pair) -> None:
    token = pair.access_token()
    jwks_url = f"{pair.issuer}/.well-known/jwks.json"

    key = jwt.PyJWKClient(jwks_url).get_signing_key_from_jwt(token)
    by_pyjwt = jwt.decode(token, key, algorithms=["RS256"], audience=pair.api, issuer=pair.issuer)
    keys = KeySet.import_key_set(call("GET", jwks_url).body)
    by_joserfc = joserfc_jwt.decode(token, keys, algorithms=["RS256"])

    assert token.count(".") == 2
    assert by_pyjwt == by_joserfc.claims == decode(token)[1]
    assert by_joserfc.header == decode(token)[0]


def test_the_claims_are_registered_public_and_private(pair: Pair) -> None:
    header, claims = decode(pair.access_token())

    assert header["alg"] == "RS256"
    assert header["typ"] == "at+jwt"
    assert claims["iss"] == pair.issuer
    assert claims["aud"] == pair.api
    assert claims["exp"] - claims["iat"] == 2
    assert claims.keys() >= {"sub", "jti", "client_id", "scope", "auth_time", "acr", "amr", "sid", "grant_id"}
    assert claims["roles"] == ["editor"]
    assert claims["entitlements"] == ["notes:read", "notes:write"]


def test_the_private_key_is_with_the_auth_server_alone_and_the_public_key_verifies(pair: Pair) -> None:
    keys = call("GET", f"{pair.issuer}/.well-known/jwks.json").body["keys"]
    token = pair.access_token()

    assert all(key.keys() == {"kty", "kid", "use", "alg", "n", "e"} for key in keys)
    assert decode(token)[0]["kid"] in {key["kid"] for key in keys}
    assert pair.get("/me", token).status == 200


def test_tampering_is_recognised(pair: Pair) -> None:
    token = pair.access_token()
    keys = call("GET", f"{pair.issuer}/.well-known/jwks.json").body["keys"]
    jwk = next(key for key in keys if key["kid"] == decode(token)[0]["kid"])

    for forged in (
        forgery.with_a_changed_byte(token),
        forgery.unsigned(token),
        forgery.signed_with_the_public_key(token, jwk),
        token[:-2],
    ):
        answer = pair.get("/me", forged)
        assert answer.status == 401
        assert 'error="invalid_token"' in answer.challenge


def test_expiry_is_honoured(pair: Pair) -> None:
    token = pair.access_token()
    assert pair.get("/me", token).status == 200

    # The real clock: this is the one row that is about time passing between two machines.
    time.sleep(max(0.0, decode(token)[1]["exp"] + 1.1 - time.time()))

    answer = pair.get("/me", token)
    assert answer.status == 401
    assert answer.body["reason"] == "expired"


def test_claims_decide_grant_and_deny(pair: Pair) -> None:
    note = {"text": "remember"}
    alice, root, eve = (pair.access_token(name) for name in ("alice", "root", "eve"))
    post = f"{pair.api}/notes"

    assert call("POST", post, token=alice, json_body=note).status == 201
    refused = call("POST", post, token=eve, json_body=note)
    assert refused.status == 403
    assert 'error="insufficient_scope"' in refused.challenge
    assert 'scope="notes:write"' in refused.challenge
    denied = pair.get("/admin/notes", alice)
    assert denied.status == 403
    assert "scope=" not in denied.challenge
    assert pair.get("/admin/notes", root).status == 200


def test_verifying_asks_neither_a_database_nor_the_issuer(pair: Pair) -> None:
    """Tokens that the API has never seen: it cannot remember what it was told of them."""
    pair.get("/me", pair.access_token())
    refresh_token, tokens = pair.login("alice").body["refresh_token"], []
    for _ in range(5):
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": "first-party"}
        body = call("POST", f"{pair.issuer}/token", form=form).body
        refresh_token = body["refresh_token"]
        tokens.append(body["access_token"])
    before = _requests_at_the_issuer(pair)

    answers = [pair.get("/me", token).status for token in tokens * 10]

    after = _requests_at_the_issuer(pair)
    assert len(set(tokens)) == 5
    assert answers == [200] * 50
    assert after - before == Counter({path: after[path] - before[path] for path in _BACKGROUND})
    assert (after - before).total() < len(answers)


def test_nothing_sensitive_is_in_the_payload(pair: Pair) -> None:
    payload = json.dumps(decode(pair.access_token())[1])

    assert pair.password not in payload
    assert "alice" not in payload
    assert "example.com" not in payload


def test_a_token_for_another_audience_is_refused(pair: Pair) -> None:
    token = pair.access_token(resource=OTHER_API)

    answer = pair.get("/me", token)

    assert answer.status == 401
    assert answer.body["reason"] == "wrong_audience"


@pytest.mark.parametrize(
    "typ, change, reason",
    [
        pytest.param("at+jwt", {"aud": OTHER_API}, "wrong_audience", id="another-audience"),
        pytest.param("JWT", {}, "wrong_type", id="a-typ-like-an-ID-token"),
        pytest.param("at+jwt", {"iss": "http://localhost:1"}, "wrong_issuer", id="another-issuer"),
    ],
)
def test_token_substitution_is_refused(pair: Pair, typ: str, change: dict[str, str], reason: str) -> None:
    """Signed by the issuer's own key, so that nothing but what is substituted stands against the token."""
    with _issuers_own_pen(pair) as sign:
        claims = decode(pair.access_token())[1]

        assert pair.get("/me", sign(claims, "at+jwt")).status == 200
        answer = pair.get("/me", sign(claims | change, typ))

    assert answer.status == 401
    assert answer.body["reason"] == reason


@pytest.mark.parametrize("token", ["", "a.b.c", "." * 2, "x" * 9000])
def test_what_is_no_token_is_refused(pair: Pair, token: str) -> None:
    assert pair.get("/me", token).status in {400, 401}


def test_no_token_is_refused_without_an_error_code(pair: Pair) -> None:
    answer = pair.get("/me", None)

    assert answer.status == 401
    assert answer.challenge.startswith("Bearer")
    assert "error=" not in answer.challenge
    assert "resource_metadata=" in answer.challenge


@contextlib.contextmanager
def _issuers_own_pen(pair: Pair) -> Iterator[Callable[[dict[str, Any], str], str]]:
    """Give what signs claims of any kind with the issuer's active key: what no API can do, and no client."""
    services = build_services(load(pair.environment))

    async def sign(claims: dict[str, Any], typ: str) -> str:
        await services.keyring.refresh()
        return await services.keyring.sign(claims, typ)

    try:
        yield lambda claims, typ: asyncio.run(sign(claims, typ))
    finally:
        services.close()


# What the API asks for by the clock, whatever it is asked meanwhile.
_BACKGROUND = ("/.well-known/jwks.json", "/.well-known/openid-configuration", "/revocation-feed")


def _requests_at_the_issuer(pair: Pair) -> Counter[str]:
    """Count the requests at the issuer until now, by path.

    Lines are written a little later, and in order: one more request is made, and its line waited for.
    """
    last = f"/nothing-{secrets.token_hex(4)}"
    call("GET", pair.issuer + last)
    give_up_at = time.monotonic() + 60
    while last not in (paths := _paths(pair)):
        assert time.monotonic() < give_up_at, "the line of a request was never written"
        time.sleep(0.02)
    return Counter(path for path in paths[: paths.index(last)] if not path.startswith("/nothing-"))


def _paths(pair: Pair) -> list[str]:
    whole = [line for line in pair.auth.log.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
    return [line["path"] for line in map(json.loads, whole) if line["event"] == "request"]
