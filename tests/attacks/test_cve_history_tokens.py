"""What went wrong elsewhere with the form of tokens, their claims and caches: one test an incident, by its number in the list."""

from __future__ import annotations

import inspect
import json
import tracemalloc
from collections.abc import Iterator

import pytest

import resource_server
import resource_server.guard as guard_module
from resource_server.verifier import compact, token, verify
from resource_server.verifier.errors import TokenRefused
from resource_server.verifier.token import VerifiedToken
from shared import base64url
from tests.resource_server.api import Api, an_api
from tests.resource_server.calls import counted_calls
from tests.resource_server.feeds import a_feed, until
from tests.resource_server.support import AUDIENCE, a_header, a_token, rs256, rsa_jwk, rsa_key, segment

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with an_api() as api:
        api.accepts(api.token())
        yield api


def test_cve_07_an_issuer_that_contains_or_is_contained(api: Api) -> None:
    """CVE-2024-53861: `iss` was compared with `in`."""
    ours = api.issuer.url
    for issuer in (
        ours[:-1],
        ours + "x",
        ours[1:],
        ours[:4],
        "",
        "h",
        [ours],
        [ours, "https://evil.example"],
        [[ours]],
        {ours: 1},
    ):
        api.refuses(api.token(iss=issuer), "wrong_issuer")


@pytest.mark.parametrize("crit", [["exp"], ["b64"], ["https://example.com/x"], ["kid", "alg"], [], [1], "exp", {}, None, True])
def test_cve_08_any_critical_header(api: Api, crit: object) -> None:
    """CVE-2026-32597, CVE-2025-59420."""
    api.refuses(api.token(a_header(crit=crit)), "forbidden_header")
    api.refuses(api.token(a_header(crit=crit, exp=1, b64=True)), "forbidden_header")


@pytest.mark.parametrize("b64", [False, True, None, "false", 0])
def test_cve_12_b64_is_refused_before_the_payload_is_read(api: Api, b64: object) -> None:
    """CVE-2026-48525: an unencoded payload was hashed and decoded at any size."""
    head = segment(a_header(b64=b64))
    for payload in (b"!" * 4000, b"$.02", b"", b"[" * 4000):
        signing_input = head + b"." + payload.replace(b".", b"")
        forged = signing_input + b"." + base64url.encode(rs256()(signing_input)).encode()
        api.refuses(forged, "forbidden_header")


def respelt(text: bytes) -> Iterator[bytes]:
    """Yield sixty-four and more other spellings of a token that mean the same to a lenient reader."""
    parts = text.split(b".")
    for place, part in enumerate(parts):
        for change in (b"=", b"==", b"===", b"\n", b" ", b"\t", b"\r\n", b"\0"):
            yield b".".join((*parts[:place], part + change, *parts[place + 1 :]))
            yield b".".join((*parts[:place], change + part, *parts[place + 1 :]))
        classic = part.replace(b"-", b"+").replace(b"_", b"/")
        if classic != part:
            yield b".".join((*parts[:place], classic, *parts[place + 1 :]))
        unused = (4 - len(part) % 4) % 4
        if unused:
            group = ALPHABET.index(part[-1:]) >> 2 * unused << 2 * unused
            for bits in range(4**unused):
                other = part[:-1] + ALPHABET[group + bits : group + bits + 1]
                if other != part:
                    yield b".".join((*parts[:place], other, *parts[place + 1 :]))
    yield from (b" " + text, text + b".", b"." + text, text + b" ", text.swapcase(), b"Bearer " + text)


def test_cve_16_another_spelling_of_a_live_or_a_dead_token() -> None:
    """CVE-2026-102269: a deny-list of token texts was walked around by padding."""
    now = [0.0]
    with an_api(monotonic=lambda: now[0]) as api:
        live = api.token()
        api.accepts(live)
        others = set(respelt(live))
        assert len(others) >= 64
        for other in others:
            with pytest.raises(TokenRefused) as refused:
                api.guard.verify(other)
            assert refused.value.status == 401
        api.issuer.publish(rsa_jwk("two"), revoked=["one"])
        now[0] += 400
        api.accepts(api.token(a_header(kid="two"), rs256(rsa_key("two"))))

        for dead in (live, *others):
            with pytest.raises(TokenRefused) as refused:
                api.guard.verify(dead)
            assert refused.value.status == 401


def test_cve_16_another_spelling_of_a_token_that_was_revoked_by_name() -> None:
    with an_api() as api, a_feed(api.issuer) as feed:
        api.guard.warm(10)
        dead = api.token(jti="dead")
        api.accepts(dead)
        feed.revoke("jti", "dead")
        until(lambda: api.guard.statistics()["feed_pages"] >= 2)

        api.refuses(dead, "revoked")
        for other in set(respelt(dead)):
            with pytest.raises(TokenRefused) as refused:
                api.guard.verify(other)
            assert refused.value.status == 401
        api.accepts(api.token(jti="alive"))


@pytest.mark.parametrize("size", [1, 2, 100, 8192, 8193, 100_000, 10_000_000, 100_000_000])
def test_cve_21_a_token_of_any_size_costs_nothing(api: Api, size: int) -> None:
    """CVE-2025-61920: segments of any size were decoded. Time is counted in calls, which no other program disturbs."""
    for make in (lambda: b"A" * size, lambda: b"A" * (size // 2) + b"." + b"A" * (size - size // 2 - 1)):
        big = make()
        tracemalloc.start()
        try:
            calls = counted_calls(lambda big=big: refused(api, big))  # type: ignore[misc]
            grown = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert calls < 150
        assert grown < 200_000


def test_cve_21_not_even_a_digest_of_it_is_computed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call, and a tenth of a second for 100 MB: no count of calls sees it."""

    def no_digest() -> object:
        raise AssertionError("the digest of a token that is too large")

    monkeypatch.setattr(guard_module, "_new_sha256", no_digest)

    refused(api, b"A" * 8193)
    with pytest.raises(AssertionError):
        api.guard.verify(b"A" * 8192)


def refused(api: Api, text: bytes) -> None:
    with pytest.raises(TokenRefused):
        api.guard.verify(text)


def test_cve_22_nothing_public_returns_claims_that_were_not_checked() -> None:
    """CVE-2026-96760: a function returned the claims without a look at the signature."""
    for name in resource_server.__all__:
        for member, _value in inspect.getmembers(getattr(resource_server, name)):
            assert member.startswith(("_", "peek_")) or not any(
                word in member for word in ("decode", "unverified", "unsafe", "insecure")
            ), f"{name}.{member}"
    with pytest.raises(TypeError):
        VerifiedToken()
    # What is read of a token before its signature has no claims: the payload stays closed bytes.
    assert [type(part) for part in compact.split(a_token())] == [bytes] * 4
    callers = [module for module in (compact, verify) if "seal(" in inspect.getsource(module)]
    assert callers == [verify]
    assert "def seal" in inspect.getsource(token)


@pytest.mark.parametrize("signatures", [[], [{}], [{"protected": "e30", "signature": ""}], None])
def test_cve_23_the_json_serialization_with_or_without_signatures(api: Api, signatures: object) -> None:
    """CVE-2026-102946: an empty list of signatures verified."""
    payload = api.token().split(b".")[1].decode()
    for form in ({"payload": payload, "signatures": signatures}, {"payload": payload, "signature": "", "protected": "e30"}):
        api.refuses(json.dumps(form, separators=(",", ":")).encode(), "malformed_token")


def test_cve_25_nothing_is_ever_decompressed(api: Api) -> None:
    """CVE-2024-33664, CVE-2024-28180, CVE-2024-28102."""
    tracemalloc.start()
    try:
        for header in ({"alg": "dir", "enc": "A128GCM", "zip": "DEF"}, {"alg": "RSA-OAEP", "enc": "A256GCM", "zip": "DEF"}):
            api.refuses(b".".join((segment(header), b"", b"AAAAAAAAAAAAAAAA", b"A" * 6000, b"AA")), "malformed_token")
        api.refuses(api.token(a_header(zip="DEF")), "forbidden_header")
        api.refuses(api.token(a_header(zip="GZIP")), "forbidden_header")
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_cve_26_an_encrypted_token_is_not_taken_for_a_signed_one(api: Api) -> None:
    """CVE-2022-3102: which of the two a text was, the text itself decided."""
    parts = api.token().split(b".")
    for text in (b".".join((*parts, b"AA", b"AA")), b".".join((parts[0], b"", b"", parts[1], parts[2])), b"...." + parts[1]):
        api.refuses(text, "malformed_token")


def test_cve_27_two_serializations_in_one_text(api: Api) -> None:
    """CVE-2022-39227: one parser read the claims of one form, the other checked the signature of the other."""
    good = api.token().decode()
    head, payload, signature = good.split(".")
    forged = segment(api.claims(sub="mallory")).decode()
    for text in (
        f'{{"{head}.{forged}.":"","protected":"{head}","payload":"{payload}","signature":"{signature}"}}',
        f'{{"  {head}.{forged}.": "", "protected":"{head}", "payload":"{payload}","signature":"{signature}"}}',
        f"{head}.{forged}.{signature}\n{good}",
        f"{good}\n{head}.{forged}.",
        f"{good} {good}",
        f"{good},{head}.{forged}.{signature}",
        f"{head}.{forged}.{signature}.{payload}",
        "{" + good + "}",
        f'"{good}"',
    ):
        # Two words are no bearer token at all (T07); everything else is a token that is refused.
        words = {"status": 400, "error": "invalid_request"} if " " in text else {}
        api.refuses(text.encode(), **words)  # type: ignore[arg-type]
        refused(api, text.encode())


def test_cve_29_a_million_dots(api: Api) -> None:
    """CVE-2025-30204: the text was split at every dot before anybody counted."""
    for text in (b"." * 1_000_000, b"." * 8000, b"a." * 4000):
        tracemalloc.start()
        try:
            calls = counted_calls(lambda text=text: refused(api, text))  # type: ignore[misc]
            grown = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert calls < 150
        assert grown < 200_000


@pytest.mark.parametrize(
    "audience", [..., "", [], [""], 1, {}, {AUDIENCE: AUDIENCE}, None, [None], [[AUDIENCE]], [AUDIENCE, 1], ["x"] * 900]
)
def test_cve_30_an_audience_of_every_form(api: Api, audience: object) -> None:
    """CVE-2020-26160."""
    api.refuses(api.token(aud=audience))


def test_cve_30_ten_thousand_audiences(api: Api) -> None:
    api.refuses(api.token(aud=[f"https://{n}.example" for n in range(10_000)]), "token_too_large")


def test_cve_32_tokens_that_differ_in_one_byte_never_share_an_entry(api: Api) -> None:
    """CVE-2026-35039: a key of the cache was made of a part of the token."""
    good = api.token(jti="cached")
    api.accepts(good)
    for place in range(len(good)):
        for bit in (1, 4):
            other = good[:place] + bytes([good[place] ^ bit]) + good[place + 1 :]
            refused(api, other)
    api.accepts(good)


def test_cve_37_a_remembered_token_is_asked_for_its_scope_each_time(api: Api) -> None:
    """CVE-2021-32701: the second rule was never looked at."""
    reader = api.token(scope="notes:read")
    for _ in range(2):
        assert api.ask(reader, "/notes").status == 200
        assert api.ask(reader, "/notes", method="POST").status == 403
        assert api.ask(reader, "/admin/notes").status == 403


def test_cve_38_two_issuers_judge_the_same_bytes_each_for_itself(api: Api) -> None:
    """GHSA-4mq7-pvjg-xp2r: what one issuer's rule had found was used for the other's."""
    good = api.token(jti="both")
    with an_api() as other:
        theirs = a_token(other.claims(jti="both"))
        api.accepts(good)
        other.accepts(theirs)

        other.refuses(good, "wrong_issuer")
        api.refuses(theirs, "wrong_issuer")
        other.issuer.publish(rsa_jwk("one", rsa_key("two")))
        api.accepts(good)
