"""The key ring and tokens, as an operator sees them."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

import pytest

from auth_server.cli.command import ExitCode
from auth_server.keys.sealing import KeyEncryptionKeys
from auth_server.protocol.authorization import SignIn, StartFamily
from auth_server.protocol.client import FIRST_PARTY_CLIENT_ID
from auth_server.services import Services
from shared import base64url
from tests.auth_server.cli.conftest import Operator
from tests.support.builders import FACTS, a_public_client, an_authorization

ISSUER = "http://localhost:8000"


def _keys(operator: Operator) -> dict[str, dict[str, object]]:
    return {key["state"]: key for key in operator.done("key", "list")["rings"][0]["keys"]}


def _token(operator: Operator, **changes: object) -> str:
    """A token that this issuer signed now, for ten minutes."""

    async def sign(services: Services) -> str:
        now = services.store.clock.now()
        claims = {"iss": ISSUER, "sub": "alice", "client_id": "app", "iat": now, "exp": now + 600, "jti": "one", "sid": "session"}
        return await services.keyring.sign(claims | changes, "at+jwt")

    return operator.within(sign)


def _refresh_token(operator: Operator, client_id: str = FIRST_PARTY_CLIENT_ID) -> str:
    """The first token of a new family of alice's."""

    async def start(services: Services) -> str:
        account = await services.administration.find("alice")
        assert account is not None
        client = replace(a_public_client(), client_id=client_id)
        sign_in = SignIn(auth_time=services.store.clock.now(), acr="1", amr=("pwd",), sid=None)
        authorization = an_authorization(client=client, subject=account.sub, sign_in=sign_in, settlement=StartFamily(None))
        answer = await services.token_issuer.issue(authorization, FACTS)
        assert answer is not None
        assert answer.refresh_token is not None
        return answer.refresh_token

    return operator.within(start)


def test_a_new_ring_has_a_key_that_signs_and_a_standby(operator: Operator) -> None:
    keys = _keys(operator)

    assert set(keys) == {"active", "pending"}
    assert keys["active"]["due"] == {"what": "hands over", "at": keys["pending"]["due"]["at"]}  # type: ignore[index]
    assert keys["pending"]["signing_since"] is None


@pytest.mark.parametrize("columns, heading", [("80", "  SINCE  "), ("120", "  SIGNING SINCE  ")])
def test_the_ring_fits_the_terminal(columns: str, heading: str, operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """With keys in every state that has something long to tell."""
    monkeypatch.setenv("COLUMNS", columns)
    operator("key", "burn", "--yes", "--", _keys(operator)["active"]["kid"])
    operator.done("key", "rotate", "--emergency")

    lines = operator("key", "list", "--all").out.splitlines()

    assert max(map(len, lines)) <= int(columns)
    assert max(map(len, lines)) > int(columns) - 20  # the room that there is is used
    assert heading in next(line for line in lines if line.startswith("STATE"))
    for words in ("compromised", "hands over in 30 days", "private half is erased in"):
        assert any(words in line for line in lines)


def test_a_young_standby_is_promoted_in_an_emergency_alone(operator: Operator) -> None:
    before = _keys(operator)

    told = operator("key", "rotate")
    assert told.code == ExitCode.REFUSED
    assert "--emergency" in told.err
    assert _keys(operator) == before

    made = operator.done("key", "rotate", "--emergency")
    after = _keys(operator)
    assert made["active_kid"] == before["pending"]["kid"] == after["active"]["kid"]
    assert after["retiring"]["kid"] == before["active"]["kid"]
    assert after["pending"]["kid"] not in {key["kid"] for key in before.values()}
    assert "private half is erased in" in operator("key", "list").out


def test_a_further_ring_says_when_it_signs(operator: Operator) -> None:
    operator.set("SIGNING_ALGORITHMS", "RS256,ES256")
    operator("init")

    es256, rs256 = operator.done("key", "list")["rings"]
    told = operator("key", "list").out

    assert (es256["alg"], es256["signs"], [key["state"] for key in es256["keys"]]) == ("ES256", False, ["pending"])
    assert es256["signs_from"] == es256["keys"][0]["due"]["at"]
    assert (rs256["alg"], rs256["signs"], rs256["signs_from"]) == ("RS256", True, None)
    assert "signs in 24 hours; until then ES256 is refused" in told
    assert max(map(len, told.splitlines())) <= 120


def test_a_ring_is_rotated_by_its_name(operator: Operator) -> None:
    operator.set("SIGNING_ALGORITHMS", "RS256,ES256")
    operator("init")
    before = _keys_of_rings(operator)

    assert operator("key", "rotate", "--ring", "PS256").code == ExitCode.REFUSED
    made = operator.done("key", "rotate", "--ring", "ES256", "--emergency")

    assert made["active_kid"] == before["ES256"]["pending"]
    after = _keys_of_rings(operator)
    assert after["ES256"]["active"] == made["active_kid"]
    assert after["RS256"] == before["RS256"]


def _keys_of_rings(operator: Operator) -> dict[str, dict[str, str]]:
    rings = operator.done("key", "list")["rings"]
    return {ring["ring"]: {key["state"]: key["kid"] for key in ring["keys"]} for ring in rings}


@pytest.mark.parametrize("alg", ["PS256", "ES256", "Ed25519"])
def test_a_token_of_any_algorithm_is_verified(alg: str, nobody: Operator) -> None:
    nobody.set("SIGNING_ALGORITHMS", alg)
    nobody("init")
    token = _token(nobody)

    assert nobody.done("token", "inspect", token)["verified"]
    assert nobody("token", "inspect", _spoiled(token)).code == ExitCode.REFUSED


def test_a_made_key_encryption_key_can_be_used(nobody: Operator) -> None:
    key = nobody("key", "generate-encryption-key").out.strip()

    assert KeyEncryptionKeys.from_texts([key])


def test_a_valid_token_is_said_to_be_decoded_and_then_verified(operator: Operator) -> None:
    token = _token(operator)

    told = operator("token", "inspect", "-", stdin=token + "\n")

    assert told.code == 0
    assert told.out.startswith("decoded, not verified")
    assert "(in 10 minutes)" in told.out or "(in 9 minutes)" in told.out or "in 600 seconds" in told.out
    assert "ours and valid" in told.out
    assert token not in told.out


def _spoiled(token: str) -> str:
    header, payload, signature = token.split(".")
    claims = json.loads(base64url.decode(payload.encode())) | {"sub": "mallory"}
    return f"{header}.{base64url.encode(json.dumps(claims).encode())}.{signature}"


@pytest.mark.parametrize(
    "changes, fault",
    [({"exp": 1}, "expired"), ({"iss": "http://elsewhere"}, "issuer"), ({"exp": "soon"}, "expired")],
)
def test_a_signature_alone_makes_no_token_valid(changes: dict[str, object], fault: str, operator: Operator) -> None:
    told = operator("token", "inspect", _token(operator, **changes), "--json")

    assert told.code == ExitCode.REFUSED
    assert not told.json["verified"]
    assert len(told.json["faults"]) == 1
    assert fault in told.json["faults"][0]


def test_a_changed_token_is_decoded_and_said_to_be_forged(operator: Operator) -> None:
    told = operator("token", "inspect", _spoiled(_token(operator)), "--json")

    assert told.code == ExitCode.REFUSED
    assert told.json["decoded_not_verified"]["claims"]["sub"] == "mallory"
    assert told.json["faults"] == ["the signature is wrong: forged, or changed on its way"]


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "none", "kid": "x"}, {"kid": ["x"]}, {}])
def test_a_token_under_no_key_of_ours_is_said_to_be_foreign(header: dict[str, object], operator: Operator) -> None:
    parts = [base64url.encode(json.dumps(part).encode()) for part in (header, {"sub": "\u202eadmin\x1b[2J", "exp": True})]

    told = operator("token", "inspect", f"{parts[0]}.{parts[1]}.")

    assert told.code == ExitCode.REFUSED
    assert "no key of ours" in told.out
    assert "\x1b" not in told.out
    assert "\u202e" not in told.out


def test_another_algorithm_under_our_kid_is_said_to_be_forged(operator: Operator) -> None:
    token = _token(operator)
    kid = json.loads(base64url.decode(token.split(".")[0].encode()))["kid"]
    header = base64url.encode(json.dumps({"alg": "HS256", "kid": kid}).encode())

    told = operator("token", "inspect", f"{header}.{token.split('.', 1)[1]}", "--json")

    assert "forged" in told.json["faults"][0]


def test_a_token_that_the_feed_names_is_said_to_be_dead(operator: Operator) -> None:
    token = _token(operator)

    async def revoke(services: Services) -> None:
        await services.store.run(lambda tx: services.feed.revoke_session(tx, "session"))
        await services.store.run(lambda tx: services.feed.revoke_subject(tx, "bob"))

    operator.within(revoke)

    assert operator("token", "inspect", token, "--json").json["faults"] == ["the revocation feed names it dead (sid session)"]


@pytest.mark.parametrize("text", ["x", "a.b", "a.b.c", "..", "é.é.é", "bnVsbA.bnVsbA."])
def test_what_is_no_token_is_refused_in_one_sentence(text: str, operator: Operator) -> None:
    told = operator("token", "inspect", text)

    assert told.code == ExitCode.REFUSED
    assert len(told.err.splitlines()) == 1


@pytest.mark.parametrize("client_id", [FIRST_PARTY_CLIENT_ID, "app"])
def test_a_refresh_token_tells_its_family_and_is_ended(client_id: str, operator: Operator) -> None:
    operator.done("user", "create", "--username", "alice")
    operator.done("client", "create", "--client-id", "app", "--public", "--grant", "refresh_token")
    token = _refresh_token(operator, client_id)

    told = operator("token", "inspect", "-", stdin=token)
    assert told.code == 0
    assert "current" in told.out
    assert token not in told.out
    assert operator.done("token", "inspect", token)["client_id"] == client_id

    assert operator.done("token", "revoke", "-", stdin=token)["changed"]
    assert not operator.done("token", "revoke", token)["changed"]
    after = operator("token", "inspect", token, "--json")
    assert (after.code, after.json["status"]) == (ExitCode.REFUSED, "revoked")
    assert len(operator.events("family.revoked")) == 1


def test_a_refresh_token_of_a_disabled_person_is_said_to_be_revoked(operator: Operator) -> None:
    """Its family ended with the account, and stays ended when the account is enabled again."""
    operator.done("user", "create", "--username", "alice")
    token = _refresh_token(operator)
    operator.done("user", "disable", "alice")

    assert operator("token", "inspect", token, "--json").json["status"] == "revoked"


def test_a_refresh_token_whose_family_was_purged_is_said_to_be_gone(operator: Operator) -> None:
    operator.done("user", "create", "--username", "alice")
    token = _refresh_token(operator)
    with sqlite3.connect(operator.folder / "data" / "auth_server.db") as database:
        database.execute("DELETE FROM refresh_family")
    database.close()

    assert operator("token", "inspect", token, "--json").json["status"] == "gone"
    assert not operator.done("token", "revoke", token)["changed"]


@pytest.mark.parametrize("verb", ["inspect", "revoke"])
def test_a_forged_refresh_token_is_refused(verb: str, operator: Operator) -> None:
    told = operator("token", verb, "rt1_" + "A" * 92, "--json")

    assert told.code == ExitCode.REFUSED
    assert told.error["error"] == "not_ours"


def test_an_access_token_is_not_revoked_one_by_one(operator: Operator) -> None:
    assert operator("token", "revoke", _token(operator)).code == ExitCode.REFUSED


def test_rewrap_moves_everything_to_the_first_key_encryption_key(operator: Operator) -> None:
    operator.done("init")
    old = (operator.folder / "data" / "key-encryption-keys").read_text(encoding="ascii").strip()
    new = operator.done("key", "generate-encryption-key")["key"]
    operator.set("KEY_ENCRYPTION_KEYS", f"{new},{old}")

    assert operator.done("key", "rewrap")["signing_keys"] == 2
    assert operator.done("key", "rewrap") == {"signing_keys": 0, "server_secrets": 0}

    operator.set("KEY_ENCRYPTION_KEYS", new)
    assert operator("key", "rotate", "--emergency").code == 0


def test_rewrap_names_the_key_that_is_missing(operator: Operator) -> None:
    operator.done("init")
    operator.set("KEY_ENCRYPTION_KEYS", operator.done("key", "generate-encryption-key")["key"])

    told = operator("key", "rewrap")

    assert told.code == 1
    assert "put the key it lies under back" in told.err
