"""T01 to T15 and T21 to T24: attacks on form and transport, against the notes API (RFC 8725 sections 3.6 and 3.7, RFC 6750)."""

from __future__ import annotations

import json
import re
import time
import tracemalloc
from collections.abc import Iterator

import pytest

from shared import base64url
from tests.resource_server.api import Api, an_api
from tests.resource_server.calls import call
from tests.resource_server.support import NOW, a_header, a_token, segment

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with an_api() as api:
        api.accepts(api.token())
        yield api


def with_authorization(api: Api, *values: bytes, **how: object):
    return call(api.app, "/me", headers=tuple((b"authorization", value) for value in values), **how)  # type: ignore[arg-type]


def is_bare(answer) -> bool:
    challenge = answer.header("www-authenticate") or ""
    return answer.status == 401 and challenge.startswith("Bearer") and "error" not in challenge


def test_t01_no_token(api: Api) -> None:
    assert is_bare(api.ask(None))


@pytest.mark.parametrize("value", [b"Basic YTpi", b"DPoP TOKEN", b"Digest x", b"TOKEN", b""])
def test_t02_another_scheme(api: Api, value: bytes) -> None:
    assert is_bare(with_authorization(api, value.replace(b"TOKEN", api.token())))


@pytest.mark.parametrize("scheme", [b"bearer", b"BEARER", b"Bearer", b"bEARER"])
def test_t03_the_schemes_case(api: Api, scheme: bytes) -> None:
    assert with_authorization(api, scheme + b" " + api.token()).status == 200


def test_t04_a_token_in_the_query(api: Api) -> None:
    assert is_bare(api.ask(None, query=b"access_token=" + api.token()))


def test_t04_a_token_in_a_form(api: Api) -> None:
    form = ((b"content-type", b"application/x-www-form-urlencoded"),)
    assert is_bare(call(api.app, "/notes", method="POST", headers=form, body=(b"access_token=" + api.token(),)))


def test_t05_two_tokens(api: Api) -> None:
    answer = with_authorization(api, b"Bearer " + api.token(), b"Bearer " + api.token(sub="bob"))

    assert answer.status == 400
    assert 'error="invalid_request"' in (answer.header("www-authenticate") or "")
    assert answer.json["error"] == "invalid_request"


def test_t05_the_header_alone_is_judged_beside_a_cookie(api: Api) -> None:
    cookie = (b"cookie", b"__Host-access_token=" + api.token(sub="mallory"))

    assert call(api.app, "/me", headers=(cookie, (b"authorization", b"Bearer " + api.token()))).json["sub"] == "alice"
    assert is_bare(call(api.app, "/me", headers=(cookie,)))


def test_t05_the_header_alone_is_judged_beside_a_cookie_that_would_count() -> None:
    with an_api(cookie_origins=["https://shop.example.com"]) as api:
        cookie = (b"cookie", b"access_token=" + api.token(sub="mallory"))

        assert call(api.app, "/me", headers=(cookie,)).json["sub"] == "mallory"
        assert call(api.app, "/me", headers=(cookie, (b"authorization", b"Bearer " + api.token()))).json["sub"] == "alice"
        bad = call(api.app, "/me", headers=(cookie, (b"authorization", b"Bearer " + api.token(aud="https://other.example"))))
        assert (bad.status, bad.json["reason"]) == (401, "wrong_audience")
        assert is_bare(call(api.app, "/me", headers=(cookie, (b"authorization", b"Basic YTpi"))))


@pytest.mark.parametrize("other", [b"Bearer x", b"Basic YTpi", b""])
def test_t06_two_headers(api: Api, other: bytes) -> None:
    for values in ([b"Bearer " + api.token(), other], [other, b"Bearer " + api.token()]):
        answer = with_authorization(api, *values)
        assert (answer.status, answer.json["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "value", [b"Bearer", b"Bearer ", b"Bearer  ", b"Bearer a b", b"Bearer TOKEN x", b"Bearer TOKEN, Bearer TOKEN"]
)
def test_t07_empty_blank_or_two_words(api: Api, value: bytes) -> None:
    answer = with_authorization(api, value.replace(b"TOKEN", api.token()))

    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


def spoil(token: bytes, part: int, change) -> bytes:
    parts = token.split(b".")
    parts[part] = change(parts[part])
    return b".".join(parts)


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize(
    "change",
    [
        lambda p: p + b"=",
        lambda p: p + b"==",
        lambda p: p[:4] + b"+" + p[5:],
        lambda p: p[:4] + b"/" + p[5:],
        lambda p: p[:4] + b"\n" + p[4:],
        lambda p: p + b"\n",
        lambda p: b"\t" + p,
        lambda p: p[:4] + b"%" + p[5:],
        lambda p: p[:4] + b"\xff" + p[5:],
        lambda p: p[:4] + b"\0" + p[5:],
    ],
    ids=["padding", "two paddings", "plus", "slash", "newline", "newline after", "tab before", "percent", "not ASCII", "NUL"],
)
def test_t08_padding_and_foreign_characters(api: Api, part: int, change) -> None:
    api.refuses(spoil(api.token(), part, change))


def test_t08_every_other_spelling_of_the_last_character(api: Api) -> None:
    """Unused bits of the last character: 64 spellings of one token, of which one is right."""
    token = api.token()
    for character in ALPHABET:
        changed = token[:-1] + bytes([character])
        if changed != token:
            api.refuses(changed)
    assert base64url.decode(token.rpartition(b".")[2])


@pytest.mark.parametrize("parts", [1, 2, 4, 5, 1000])
def test_t09_the_number_of_parts(api: Api, parts: int) -> None:
    token = api.token()
    api.refuses(b".".join((token.split(b".") * parts)[:parts]) if parts < 10 else b"." * (parts - 1), "malformed_token")


def test_t10_the_json_serializations(api: Api) -> None:
    protected, payload, signature = (part.decode() for part in api.token().split(b"."))
    flattened = {"protected": protected, "payload": payload, "signature": signature}
    general = {"payload": payload, "signatures": [{"protected": protected, "signature": signature}]}
    for form in (flattened, general, {"payload": payload, "signatures": []}):
        compact = json.dumps(form, separators=(",", ":")).encode()
        api.refuses(compact, "malformed_token")
        api.refuses(base64url.encode(compact).encode(), "malformed_token")


def raw_header(text: str) -> bytes:
    return a_token(header=text.encode())


def test_t11_a_member_twice(api: Api) -> None:
    claims = json.dumps(api.claims())
    for first in ('"sub": "mallory"', '"aud": "x"', '"\\u0073ub": "mallory"', '"scope": "x"', '"x": {"a": 1, "a": 2}'):
        api.refuses(a_token("{" + first + ", " + claims[1:]), "malformed_token")
    for header in (
        '{"alg":"none","alg":"RS256","typ":"at+jwt","kid":"one"}',
        '{"alg":"RS256","alg":"RS256","typ":"at+jwt","kid":"one"}',
        '{"alg":"RS256","typ":"at+jwt","kid":"two","kid":"one"}',
        '{"alg":"RS256","typ":"at+jwt","kid":"one","x":{"a":1,"a":1}}',
    ):
        api.refuses(raw_header(header), "malformed_token")


@pytest.mark.parametrize(
    "odd", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\\ud800", b"\\udc00\\ud800", b"\x00", b"\\u0000", b"\n"]
)
def test_t12_text_that_is_no_text(api: Api, odd: bytes) -> None:
    claims = json.dumps(api.claims()).encode()
    api.refuses(a_token(claims[:-1] + b', "x": "' + odd + b'"}'), "malformed_token")
    api.refuses(a_token(claims[:-1] + b', "' + odd + b'": 1}'), "malformed_token")
    header = json.dumps(a_header()).encode()
    api.refuses(a_token(api.claims(), header[:-1] + b', "x": "' + odd + b'"}'), "malformed_token")


@pytest.mark.parametrize(
    "encode", [lambda t: "\ufeff".encode() + t, lambda t: t.decode().encode("utf-16"), lambda t: t.decode().encode("utf-32")]
)
def test_t12_byte_order_marks_and_other_encodings(api: Api, encode) -> None:
    api.refuses(a_token(encode(json.dumps(api.claims()).encode())), "malformed_token")
    api.refuses(a_token(api.claims(), encode(json.dumps(a_header()).encode())), "malformed_token")


@pytest.mark.parametrize("payload", [b"[]", b'"x"', b"1", b"null", b"", b"true", b"{}{}", b"{} x", b" "])
def test_t13_not_an_object(api: Api, payload: bytes) -> None:
    api.refuses(a_token(payload), "malformed_token")
    api.refuses(a_token(api.claims(), payload), "malformed_token")


def test_t14_compression(api: Api) -> None:
    api.refuses(api.token(a_header(zip="DEF")), "forbidden_header")
    bomb = b".".join([segment({"alg": "RSA-OAEP", "enc": "A256GCM", "zip": "DEF"}), b"AA", b"AA", b"A" * 6000, b"AA"])
    tracemalloc.start()
    try:
        api.refuses(bomb, "malformed_token")
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"A" * 1_000_000,
        lambda: b"." * 1_000_000,
        lambda: a_token(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        lambda: a_token(b"[" * 100_000),
        lambda: a_token("{" + ",".join(f'"m{i}":1' for i in range(1_000_000)) + "}"),
        lambda: a_token(header=b'{"alg":"RS256","x":' + b"[" * 100_000),
    ],
    ids=["1 MB", "a million dots", "deep object", "deep list", "a million members", "deep header"],
)
def test_t15_size(api: Api, make) -> None:
    token = make()
    started_at = time.monotonic()
    api.refuses(token, "token_too_large")
    assert time.monotonic() - started_at < 2


@pytest.mark.parametrize("depth", [15, 16, 900, 2500])
def test_t15_depth_within_the_bound_of_size(api: Api, depth: int) -> None:
    nested = json.dumps(api.claims())[:-1] + ', "x": ' + "[" * depth + "]" * depth + "}"
    if depth < 16:
        api.accepts(a_token(nested))
        return
    api.refuses(a_token(nested), "malformed_token")
    api.refuses(
        a_token(api.claims(), '{"alg":"RS256","typ":"at+jwt","kid":"one","x":' + "[" * depth + "]" * depth + "}"),
        "malformed_token",
    )


@pytest.mark.parametrize("off", [-300, 300])
def test_t21_the_servers_clock_is_off(off: int) -> None:
    with an_api(clock=lambda: NOW + off) as api:
        fresh = api.token(exp=NOW + 200)

        api.refuses(fresh)
    with pytest.raises(ValueError, match="leeway"), an_api(leeway=300):
        pass


def test_t22_neither_token_nor_claims_nor_internals_come_back(api: Api) -> None:
    """`refuses` holds every case of R and S to this; here with values that would show."""
    for members in ({"iss": "https://canary.example"}, {"aud": "https://canary.example"}, {"sub": ["canary"]}, {"exp": 12345678}):
        answer = api.refuses(api.token(**members))
        told = answer.body.decode() + str(answer.headers)
        assert "canary" not in told
        assert "12345678" not in told
    answer = api.refuses(api.token(a_header(typ="canary+jwt")))
    assert b"canary" not in answer.body


WELL_FORMED = re.compile(r'Bearer [a-z_]+="[ !#-\[\]-~]*"(, [a-z_]+="[ !#-\[\]-~]*")*')


@pytest.mark.parametrize("injected", ['"', "\\", "\r\nSet-Cookie: x=1", '", error="x', "\x7f", "é"])
def test_t23_injection_into_the_challenge(injected: str) -> None:
    with an_api() as api:
        for answer in (
            api.ask(api.token(a_header(kid=injected))),
            api.ask(api.token(scope=f"a{injected}b"), "/notes"),
            api.ask(api.token(scope=injected, iss=injected)),
        ):
            assert answer.status in {401, 403}
            assert WELL_FORMED.fullmatch(answer.header("www-authenticate") or "")
            assert answer.header("set-cookie") is None


def test_t24_caching(api: Api) -> None:
    for path in ("/me", "/notes", "/admin/notes"):
        cache_control = api.ask(api.token(), path).header("cache-control") or ""
        assert cache_control == "no-store"
