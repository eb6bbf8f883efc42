"""From the issuer to its keys."""

from __future__ import annotations

import json

import pytest

from resource_server.jwks.discovery import IssuerKeys, parse_metadata
from resource_server.jwks.fetcher import Answer, FetchFailed
from tests.resource_server.support import ISSUER, RS256_ONLY, jwks, rsa_jwk

OIDC = f"{ISSUER}/.well-known/openid-configuration"
OAUTH = f"{ISSUER}/.well-known/oauth-authorization-server"


def metadata(**members: object) -> bytes:
    return json.dumps({"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks", **members}).encode()


class Web:
    """A stand-in for the network: answers by address, and a list of what was asked."""

    def __init__(self, pages: dict[str, bytes | FetchFailed]) -> None:
        self.pages = pages
        self.asked: list[tuple[str, str | None]] = []
        self.etag: str | None = '"1"'

    def __call__(self, url: str, *, etag: str | None = None) -> Answer:
        self.asked.append((url, etag))
        page = self.pages.get(url, FetchFailed("status 404", status=404))
        if isinstance(page, FetchFailed):
            raise page
        return Answer(None if etag == self.etag and etag is not None else page, self.etag)


def keys_of(web: Web, **options) -> IssuerKeys:
    return IssuerKeys(ISSUER, RS256_ONLY, web, clock=lambda: 0.0, **options)


def test_keys_are_found_by_way_of_the_metadata() -> None:
    web = Web({OIDC: metadata(), f"{ISSUER}/jwks": jwks(rsa_jwk("one"))})

    retrieved = keys_of(web).retrieve()

    assert retrieved.key_set is not None
    assert set(retrieved.key_set.keys) == {"one"}
    assert retrieved.key_policy is None


def test_metadata_of_rfc_8414_will_do_where_there_is_no_other() -> None:
    web = Web({OAUTH: metadata(), f"{ISSUER}/jwks": jwks()})

    assert keys_of(web).retrieve().key_set
    assert [url for url, _ in web.asked[:2]] == [OIDC, OAUTH]


def test_another_failure_than_not_found_does_not_try_elsewhere() -> None:
    web = Web({OIDC: FetchFailed("status 500", status=500), OAUTH: metadata()})

    with pytest.raises(FetchFailed, match="metadata"):
        keys_of(web).retrieve()
    assert len(web.asked) == 1


def test_the_second_time_asks_for_the_keys_alone_and_says_what_it_has() -> None:
    web = Web({OIDC: metadata(), f"{ISSUER}/jwks": jwks()})
    keys = keys_of(web)
    keys.retrieve()

    assert keys.retrieve().key_set is None
    assert web.asked[2:] == [(f"{ISSUER}/jwks", '"1"')]


def test_after_a_failure_the_keys_may_have_moved() -> None:
    web = Web({OIDC: metadata(), f"{ISSUER}/jwks": jwks()})
    keys = keys_of(web)
    keys.retrieve()
    del web.pages[f"{ISSUER}/jwks"]
    with pytest.raises(FetchFailed, match="key set"):
        keys.retrieve()

    web.pages[OIDC] = metadata(jwks_uri=f"{ISSUER}/moved")
    web.pages[f"{ISSUER}/moved"] = jwks(rsa_jwk("two"))

    moved = keys.retrieve()
    assert moved.key_set is not None
    assert set(moved.key_set.keys) == {"two"}
    assert web.asked[-1] == (f"{ISSUER}/moved", None)


def test_a_validator_is_not_taken_to_another_address() -> None:
    now = [0.0]
    web = Web({OIDC: metadata(), f"{ISSUER}/jwks": jwks()})
    keys = IssuerKeys(ISSUER, RS256_ONLY, web, clock=lambda: now[0])
    keys.retrieve()
    web.pages[OIDC] = metadata(jwks_uri=f"{ISSUER}/moved")
    web.pages[f"{ISSUER}/moved"] = jwks(rsa_jwk("two"))
    now[0] += 3601

    moved = keys.retrieve()

    assert moved.key_set is not None
    assert web.asked[-1] == (f"{ISSUER}/moved", None)


def test_losing_the_metadata_alone_does_not_lose_the_keys() -> None:
    web = Web({OIDC: metadata(), f"{ISSUER}/jwks": jwks()})
    keys = keys_of(web)
    keys.retrieve()
    keys.forget()
    del web.pages[OIDC]

    assert keys.retrieve().key_set


@pytest.mark.parametrize("body", [b"<html>", b'{"keys":[]}', b'{"keys":1}', b"{}"])
def test_rubbish_for_keys_is_a_failure(body: bytes) -> None:
    with pytest.raises(FetchFailed, match="key set"):
        keys_of(Web({OIDC: metadata(), f"{ISSUER}/jwks": body})).retrieve()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        metadata(issuer="https://evil.example"),
        metadata(issuer=ISSUER + "/"),
        metadata(issuer=None),
        metadata(jwks_uri=None),
        metadata(jwks_uri=["x"]),
        metadata(jwks_uri="http://id.example.com/jwks"),
        metadata(jwks_uri="file:///etc/passwd"),
        metadata(jwks_uri="/jwks"),
    ],
)
def test_metadata_of_another_issuer_or_with_bad_addresses_is_a_failure(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_metadata(body, ISSUER)
    with pytest.raises(FetchFailed):
        keys_of(Web({OIDC: body})).retrieve()


def test_the_issuers_key_policy_is_read() -> None:
    policy = dict.fromkeys(
        [
            "access_token_lifetime",
            "clock_error",
            "leeway",
            "jwks_max_age",
            "publish_ahead",
            "retire_after",
            "sign_lease",
            "view_lease",
        ],
        7,
    )

    read = parse_metadata(metadata(key_policy=policy), ISSUER).key_policy

    assert read is not None
    assert read.view_lease == 7


@pytest.mark.parametrize("address", ["http://auth-server:8000", "http://auth-server:8000/.well-known/openid-configuration"])
def test_another_metadata_address_moves_every_address_on_the_issuers_origin(address: str) -> None:
    web = Web({"http://auth-server:8000/.well-known/openid-configuration": metadata(), "http://auth-server:8000/jwks": jwks()})

    assert keys_of(web, metadata_url=address, insecure_http=True).retrieve().key_set


def test_addresses_on_other_origins_stay_where_they_are() -> None:
    moved = parse_metadata(
        metadata(jwks_uri="https://cdn.example/jwks?v=1"), ISSUER, "http://auth-server:8000", insecure_http=True
    )
    own = parse_metadata(metadata(jwks_uri=f"{ISSUER}/a/jwks?v=1"), ISSUER, "https://inside.example/x")

    assert moved.jwks_uri == "https://cdn.example/jwks?v=1"
    assert own.jwks_uri == "https://inside.example/a/jwks?v=1"


def test_moving_needs_the_same_word_of_the_operator() -> None:
    with pytest.raises(ValueError, match="plain http"):
        parse_metadata(metadata(), ISSUER, "http://auth-server:8000")
