"""A third party that knows nothing of the kit: it reads a token's status list from the real server, by another library's hands."""

from __future__ import annotations

import base64
import json
import re
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from docs.demo.story import call
from tests.flows.pair import Pair, make_pair
from tests.flows.test_revocation import LIVES
from tests.support.keys import claims_of

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "status-lists.md"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    more = {"AUTH_SERVER_STATUS_LIST": "true", "AUTH_SERVER_STATUS_LIST_TTL": "15"}
    pair = make_pair(tmp_path_factory.mktemp("status"), {"alice": [], "bob": []}, **LIVES, **more)
    pair.auth.start()
    yield pair
    pair.auth.stop()


def _fetched(url: str) -> tuple[str, dict[str, str]]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode(), {name.lower(): value for name, value in answer.headers.items()}


def _bit(pair: Pair, token: str) -> int:
    place = claims_of(token)["status"]["status_list"]
    body, headers = _fetched(place["uri"])
    keys = KeySet.import_key_set(json.loads(_fetched(f"{pair.issuer}/.well-known/jwks.json")[0]))
    signed = jwt.decode(body, keys, algorithms=["RS256"])
    assert (signed.header["typ"], signed.claims["sub"], signed.claims["ttl"]) == ("statuslist+jwt", place["uri"], 15)
    assert headers["content-type"] == "application/statuslist+jwt"
    assert signed.claims["status_list"]["bits"] == 1
    lst = signed.claims["status_list"]["lst"]
    octets = zlib.decompress(base64.urlsafe_b64decode(lst + "=" * (-len(lst) % 4)))
    return octets[place["idx"] // 8] >> place["idx"] % 8 & 1


def test_a_third_party_sees_who_was_disabled_and_nobody_else(pair: Pair) -> None:
    alice, bob = pair.access_token("alice"), pair.access_token("bob")

    pair.operate("user", "disable", claims_of(alice)["sub"])

    assert (_bit(pair, alice), _bit(pair, bob)) == (1, 0)


def test_the_check_of_the_document_works_as_it_is_written(pair: Pair) -> None:
    (check,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    written: dict[str, Any] = {}
    exec(check, written)
    ended, living = pair.access_token("bob"), pair.access_token("bob")
    assert call("POST", f"{pair.issuer}/revoke", form={"token": ended, "client_id": "first-party"}).status == 200
    pair.auth.stop()  # what it remembers of the list is up to five seconds old
    pair.auth.start()

    assert written["is_revoked"](claims_of(ended), pair.issuer) is True
    assert written["is_revoked"](claims_of(living), pair.issuer) is False
    with pytest.raises(ValueError, match="somebody else"):
        written["is_revoked"](claims_of(living), "https://other.example")


def test_a_server_that_starts_again_takes_another_block(pair: Pair) -> None:
    before = claims_of(pair.access_token("bob"))["status"]["status_list"]

    pair.auth.stop()
    pair.auth.start()

    after = claims_of(pair.access_token("bob"))["status"]["status_list"]
    assert before["uri"] == after["uri"]
    assert after["idx"] // 10_000 == before["idx"] // 10_000 + 1
