"""R: attacks on the signature of an access token, against the notes API (RFC 8725 sections 2.1 and 3.1 to 3.10)."""

from __future__ import annotations

import hmac
import itertools
import secrets
from collections.abc import Callable, Iterator

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from resource_server.demo.app import build_app
from resource_server.jwks.cache import BUCKET_CAPACITY
from resource_server.jwks.clock import boot_seconds
from shared import base64url
from tests.attacks.forging import hs256, padded_message, roca_modulus, spellings_of_the_public_key, two_issuers
from tests.resource_server.api import Api, an_api
from tests.resource_server.support import (
    Reply,
    a_guard,
    a_header,
    a_token,
    an_issuer,
    claims,
    ec_jwk,
    es256,
    ps256,
    rs256,
    rsa_jwk,
    rsa_key,
    segment,
)

ATTACKER = rsa_key("attacker")


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with an_api() as api:
        api.issuer.publish(rsa_jwk("one"), rsa_jwk("two"))
        api.accepts(api.token())
        yield api


def resigned(token: bytes, change: Callable[[bytes], bytes]) -> bytes:
    head, _, tail = token.rpartition(b".")
    return head + b"." + base64url.encode(change(base64url.decode(tail))).encode()


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("kept", [False, True])
def test_r01_an_unsigned_token(api: Api, algorithm: str, kept: bool) -> None:
    token = api.token(a_header(alg=algorithm), None if kept else (lambda _: b""))

    api.refuses(token, "algorithm_not_allowed")


@pytest.mark.parametrize("cut", [lambda t: t.rpartition(b".")[0] + b".", lambda t: t.rpartition(b".")[0]])
def test_r02_no_signature(api: Api, cut: Callable[[bytes], bytes]) -> None:
    api.refuses(cut(api.token()))


def add_modulus(signature: bytes) -> bytes:
    value = int.from_bytes(signature, "big") + rsa_key("one").public_key().public_numbers().n
    return value.to_bytes(257, "big")


@pytest.mark.parametrize(
    "change",
    [
        lambda s: bytes([s[0] ^ 1]) + s[1:],
        lambda s: s[:-1] + bytes([s[-1] ^ 0x80]),
        lambda s: s[1:],
        lambda s: b"\0" + s,
        lambda s: s + b"\0",
        lambda s: bytes(len(s)),
        add_modulus,
    ],
    ids=["first bit", "last bit", "cut", "zero before", "byte after", "zeros", "plus modulus"],
)
def test_r03_a_changed_signature(api: Api, change: Callable[[bytes], bytes]) -> None:
    api.refuses(resigned(api.token(), change), "bad_signature")


@pytest.mark.parametrize("members", [{"sub": "admin"}, {"scope": "admin"}, {"exp": 1_800_003_000}, {"roles": ["admin"]}])
def test_r04_a_changed_payload(api: Api, members: dict[str, object]) -> None:
    header, _, signature = api.token().split(b".")

    api.refuses(b".".join([header, segment(api.claims(**members)), signature]), "bad_signature")


@pytest.mark.parametrize("members", [{"kid": "two"}, {"typ": "application/at+jwt"}])
def test_r05_a_changed_header(api: Api, members: dict[str, object]) -> None:
    _, payload, signature = api.token().split(b".")

    api.refuses(b".".join([segment(a_header(**members)), payload, signature]), "bad_signature")


@pytest.mark.parametrize("spelling", spellings_of_the_public_key())
@pytest.mark.parametrize("algorithm, digest", [("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")])
def test_r06_the_public_key_as_a_secret(api: Api, spelling: str, algorithm: str, digest: str) -> None:
    secret = spellings_of_the_public_key()[spelling]
    token = api.token(a_header(alg=algorithm), lambda message: hmac.new(secret, message, digest).digest())

    api.refuses(token, "algorithm_not_allowed")


@pytest.mark.parametrize(
    "algorithm, sign",
    [("RS384", rs256(algorithm=hashes.SHA384())), ("RS512", rs256(algorithm=hashes.SHA512())), ("PS256", ps256)],
)
def test_r07_an_algorithm_that_is_not_configured_validly_signed(api: Api, algorithm: str, sign: Callable[[bytes], bytes]) -> None:
    api.refuses(api.token(a_header(alg=algorithm), sign), "algorithm_not_allowed")


def test_r07_an_allowed_algorithm_with_a_key_for_another() -> None:
    with an_api(algorithms=("RS256", "PS256", "ES256")) as api:
        api.issuer.publish(rsa_jwk("one"), ec_jwk("ec"))
        api.accepts(api.token())

        api.refuses(api.token(a_header(alg="PS256"), ps256), "algorithm_not_allowed")
        api.refuses(api.token(a_header(alg="ES256"), es256), "algorithm_not_allowed")
        api.refuses(api.token(a_header(kid="ec")), "algorithm_not_allowed")
        api.accepts(api.token(a_header(alg="ES256", kid="ec"), es256))


@pytest.mark.parametrize("algorithm", ["rs256", "RS256 ", " RS256", "RS256\0", ["RS256"], {"alg": "RS256"}, 1, None, True, ...])
def test_r08_an_algorithm_spelt_otherwise(api: Api, algorithm: object) -> None:
    api.refuses(api.token(a_header(alg=algorithm)))


@pytest.mark.parametrize("secret", [b"", b"secret", b"\0" * 32])
def test_r09_an_empty_or_weak_secret(api: Api, secret: bytes) -> None:
    api.refuses(api.token(a_header(alg="HS256"), hs256(secret)), "algorithm_not_allowed")


def test_r10_a_key_brought_along(api: Api) -> None:
    for kid in ("one", "attacker"):
        api.refuses(api.token(a_header(kid=kid, jwk=rsa_jwk(kid, ATTACKER)), rs256(ATTACKER)), "forbidden_header")


@pytest.mark.parametrize("member", ["jku", "x5u"])
def test_r11_a_key_by_address(api: Api, member: str) -> None:
    with an_issuer() as listener:
        listener.publish(rsa_jwk("attacker", ATTACKER))
        api.refuses(api.token(a_header(kid="attacker", **{member: f"{listener.url}/jwks"}), rs256(ATTACKER)), "forbidden_header")

        assert listener.asked == []


@pytest.mark.parametrize("member", ["x5c", "x5t", "x5t#S256"])
def test_r12_a_certificate_brought_along(api: Api, member: str) -> None:
    api.refuses(api.token(a_header(**{member: ["MIIB"]}), rs256(ATTACKER)), "forbidden_header")


def test_r13_a_storm_of_unknown_kids_is_refused_and_asks_the_issuer_a_few_times() -> None:
    now = [boot_seconds()]
    with an_api(monotonic=lambda: now[0]) as api:
        api.accepts(api.token())
        began, asked_at = now[0], [now[0]]
        for i in range(100):
            now[0] += 0.1 if i % 10 else 1.0  # bursts of ten, 1.9 s apart
            before = len(api.issuer.times())
            api.refuses(api.token(a_header(kid=secrets.token_urlsafe(16))), "unknown_key")
            asked_at += [now[0]] * (len(api.issuer.times()) - before)

        assert len(asked_at) - 1 <= BUCKET_CAPACITY + (now[0] - began) / 30
        assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(asked_at))
        api.accepts(api.token())


@pytest.mark.parametrize(
    "kid", ["../../../../dev/null", "/dev/null", "' OR '1'='1", "x|id", "k" * 10_000, "\r\nX: y", "one\0", "ONE", " one", "é" * 9]
)
def test_r14_a_kid_that_means_something_elsewhere(api: Api, kid: str) -> None:
    with an_api() as fresh:
        fresh.refuses(fresh.token(a_header(kid=kid)))


@pytest.mark.parametrize("kid", [1, [], {}, None, True, ["one"], 1.5])
def test_r15_a_kid_of_another_type(api: Api, kid: object) -> None:
    api.refuses(api.token(a_header(kid=kid)), "malformed_token")


def test_r16_no_kid_and_several_keys(api: Api) -> None:
    api.refuses(api.token(a_header(kid=...)), "malformed_token")


@pytest.mark.parametrize(
    "members", [{"crit": ["exp"]}, {"crit": ["x"]}, {"crit": []}, {"b64": False, "crit": ["b64"]}, {"b64": True}]
)
def test_r17_a_critical_header(api: Api, members: dict[str, object]) -> None:
    api.refuses(api.token(a_header(**members)), "forbidden_header")


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize("r, s", [(0, 0), (0, 1), (1, 0), (ORDER, ORDER), (ORDER, 0), (ORDER + 1, 1), (2**256 - 1, 2**256 - 1)])
def test_r18_an_elliptic_signature_of_zeros(r: int, s: int) -> None:
    """CVE-2022-21449: r = s = 0 verified anything."""
    with an_api(algorithms=("RS256", "ES256")) as api:
        api.issuer.publish(rsa_jwk("one"), ec_jwk("ec"))
        header = a_header(alg="ES256", kid="ec")
        api.accepts(api.token(header, es256))

        api.refuses(api.token(header, lambda _: r.to_bytes(32, "big") + s.to_bytes(32, "big")), "bad_signature")
        api.refuses(api.token(header, lambda _: b""), "bad_signature")


def test_r19_a_key_of_another_issuer_under_the_same_kid(api: Api) -> None:
    with an_issuer() as other:
        other.publish(rsa_jwk("one", rsa_key("two")))
        with a_guard(other) as guard:
            app = Api(other, guard, build_app(guard))
            app.accepts(a_token(claims(iss=other.url), sign=rs256(rsa_key("two"))))

            app.refuses(a_token(claims(iss=other.url), sign=rs256(rsa_key("one"))), "bad_signature")
        api.refuses(a_token(claims(iss=api.issuer.url), sign=rs256(rsa_key("two"))), "bad_signature")


def test_r19_two_issuers_of_one_guard_with_the_same_kid() -> None:
    with an_issuer() as first, an_issuer() as second:
        second.publish(rsa_jwk("one", rsa_key("two")))
        with two_issuers(first, second) as guard:
            app = Api(first, guard, build_app(guard))
            for issuer, own, foreign in ((first, "one", "two"), (second, "two", "one")):
                app.accepts(a_token(claims(iss=issuer.url), sign=rs256(rsa_key(own))))

                app.refuses(a_token(claims(iss=issuer.url), sign=rs256(rsa_key(foreign))), "bad_signature")


def unfit_keys() -> dict[str, tuple[dict[str, object], Callable[[bytes], bytes], str]]:
    two, weak = rsa_key("two"), rsa_key("weak", 1024)
    return {
        "use enc": (rsa_jwk("bad", two, use="enc"), rs256(two), "RS256"),
        "key_ops encrypt": (rsa_jwk("bad", two, key_ops=["encrypt"]), rs256(two), "RS256"),
        "alg RS512": (rsa_jwk("bad", two, alg="RS512"), rs256(two, hashes.SHA512()), "RS512"),
        "alg RS512, token RS256": (rsa_jwk("bad", two, alg="RS512"), rs256(two), "RS256"),
        "1024 bits": (rsa_jwk("bad", weak), rs256(weak), "RS256"),
        "e = 1": (rsa_jwk("bad", two, e="AQ"), padded_message, "RS256"),
        "oct": ({"kty": "oct", "kid": "bad", "alg": "HS256", "k": "c2VjcmV0"}, hs256(b"secret"), "HS256"),
        "oct as RS256": ({"kty": "oct", "kid": "bad", "alg": "RS256", "k": "c2VjcmV0"}, hs256(b"secret"), "RS256"),
        "ROCA": (rsa_jwk("bad", n=base64url.encode(roca_modulus().to_bytes(256, "big"))), lambda _: bytes(255) + b"\1", "RS256"),
    }


@pytest.mark.parametrize("case", unfit_keys())
def test_r20_keys_that_must_not_verify(case: str) -> None:
    jwk, sign, algorithm = unfit_keys()[case]
    with an_api() as api:
        api.issuer.publish(rsa_jwk("one"), jwk)
        api.accepts(api.token())

        api.refuses(api.token(a_header(kid="bad", alg=algorithm), sign))
        api.accepts(api.token())


def test_r21_the_same_kid_twice_in_the_key_set() -> None:
    with an_api() as api:
        api.issuer.publish(rsa_jwk("same", rsa_key("one")), rsa_jwk("one"), rsa_jwk("same", rsa_key("two")))
        api.accepts(api.token())

        for name in ("one", "two"):
            api.refuses(api.token(a_header(kid="same"), rs256(rsa_key(name))), "unknown_key")


def test_r22_a_retired_key_ends_and_its_successor_begins_with_one_reload() -> None:
    now = [boot_seconds()]
    with an_api(monotonic=lambda: now[0]) as api:
        old, new = api.token(), api.token(a_header(kid="two"), rs256(rsa_key("two")))
        api.accepts(old)
        api.issuer.publish(rsa_jwk("two"))
        now[0] += 301

        api.accepts(new)
        api.refuses(old, "unknown_key")
        assert len(api.issuer.times()) <= 3


def test_r22_a_burned_key_never_returns() -> None:
    now = [boot_seconds()]
    with an_api(monotonic=lambda: now[0]) as api:
        api.accepts(api.token())
        for published, revoked in (("two", ["one"]), ("one", [])):
            api.issuer.publish(rsa_jwk(published), rsa_jwk("three"), revoked=revoked)
            now[0] += 60
            api.ask(api.token(a_header(kid=secrets.token_hex(8))))

        api.refuses(api.token(), "revoked_key")


def test_r_a_signature_over_another_padding_is_none(api: Api) -> None:
    def wrong_padding(message: bytes) -> bytes:
        return rsa_key().sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH), hashes.SHA256())

    api.refuses(api.token(sign=wrong_padding), "bad_signature")


def test_r_the_issuer_answering_a_redirect_to_the_attackers_keys_is_not_followed() -> None:
    with an_api() as api, an_issuer() as attacker:
        attacker.publish(rsa_jwk("one", ATTACKER))
        api.issuer.replies["/jwks"] = Reply(status=302, headers={"Location": f"{attacker.url}/jwks"})

        answer = api.ask(api.token(sign=rs256(ATTACKER)))

        assert answer.status == 503
        assert attacker.asked == []
