"""Encrypted tokens through two real processes: the API makes its key, the issuer fetches it, and no secret is shared."""

from __future__ import annotations

import json
from pathlib import Path

from docs.demo.story import call
from shared import base64url
from tests.flows.pair import make_pair


def test_tokens_for_an_api_that_asks_for_it_are_encrypted_to_its_own_key(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, {"alice": ["editor"]})
    config = Path(pair.environment["AUTH_SERVER_CONFIG"])
    named = f'identifier = "{pair.api}"'
    text = config.read_text(encoding="utf-8")
    assert named in text
    config.write_text(text.replace(named, f'{named}\nencryption_jwks_uri = "{pair.api}/.well-known/jwks.json"'), encoding="utf-8")
    state = str(tmp_path / "state")
    pair.resource.set_environment(RESOURCE_SERVER_ENCRYPTED_TOKENS="true", RESOURCE_SERVER_STATE_DIR=state)
    try:
        pair.auth.start()
        # The API is not there yet: its key is not known, and no token goes out as it is.
        assert pair.login("alice").status == 503
        pair.resource.start()
        answer = pair.login("alice")
        while answer.status == 503:
            answer = pair.login("alice")
        token = answer.body["access_token"]

        assert token.count(".") == 4
        header = json.loads(base64url.decode(token.partition(".")[0].encode()))
        assert (header["alg"], header["enc"], header["cty"]) == ("ECDH-ES", "A256GCM", "JWT")
        (key,) = call("GET", f"{pair.api}/.well-known/jwks.json").body["keys"]
        assert header["kid"] == key["kid"]
        assert "d" not in key
        assert pair.get("/me", token).body["claims"]["iss"] == pair.issuer
        assert pair.get("/me", token[:-4] + "AAAA").body["reason"] == "undecryptable"
        pair.resource.stop()
        pair.resource.start()
        assert pair.get("/me", token).status == 200
        metadata = call("GET", f"{pair.api}/.well-known/oauth-protected-resource").body
        assert metadata["jwks_uri"] == f"{pair.api}/.well-known/jwks.json"
    finally:
        pair.resource.stop()
        pair.auth.stop()
