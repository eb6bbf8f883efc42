"""Both servers as real processes, with another algorithm than the default one."""

from __future__ import annotations

import time
from pathlib import Path

from docs.demo.story import call, decode
from tests.flows.pair import OTHER_API, TIMINGS, Pair, make_pair

PEOPLE = {"alice": ["editor"]}


def login(pair: Pair, resource: str) -> int:
    body = {"username": "alice", "password": pair.password, "resource": resource}
    return call("POST", f"{pair.issuer}/api/login", json_body=body).status


def test_an_issuer_may_sign_with_es256_and_an_api_take_nothing_else(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, PEOPLE, AUTH_SERVER_SIGNING_ALGORITHMS="ES256,RS256")
    pair.resource.set_environment(RESOURCE_SERVER_ALGORITHMS="ES256")
    try:
        pair.auth.start()
        pair.resource.start()
        token = pair.access_token()

        assert decode(token)[0]["alg"] == "ES256"
        assert pair.get("/me", token).status == 200
    finally:
        pair.resource.stop()
        pair.auth.stop()


def test_a_second_algorithm_is_published_first_and_signs_later_and_each_api_gets_its_own(tmp_path: Path) -> None:
    """The smallest N that is legal with these timings passes for real: a second ring, from its first key to its first token."""
    pair = make_pair(tmp_path, PEOPLE, AUTH_SERVER_SIGNING_ALGORITHMS="RS256,Ed25519")
    with (tmp_path / "config.toml").open("r+", encoding="utf-8") as file:
        text = file.read().replace(f'identifier = "{OTHER_API}"', f'identifier = "{OTHER_API}"\nsigning_alg = "Ed25519"')
        file.seek(0)
        file.write(text)
    try:
        pair.auth.start()
        pair.resource.start()
        published = {key["alg"] for key in call("GET", f"{pair.issuer}/.well-known/jwks.json").body["keys"]}
        assert published == {"RS256", "Ed25519"}
        assert (login(pair, OTHER_API), login(pair, pair.api)) == (503, 200)

        give_up_at = time.monotonic() + float(TIMINGS["AUTH_SERVER_KEY_PUBLISH_AHEAD"]) + 60
        while login(pair, OTHER_API) != 200 and time.monotonic() < give_up_at:
            time.sleep(0.2)

        other, own = pair.access_token(resource=OTHER_API), pair.access_token(resource=pair.api)
        assert (decode(other)[0]["alg"], decode(own)[0]["alg"]) == ("Ed25519", "RS256")
        assert pair.get("/me", own).status == 200
        refused = pair.get("/me", other)
        assert (refused.status, refused.body["reason"]) == (401, "algorithm_not_allowed")
    finally:
        pair.resource.stop()
        pair.auth.stop()
