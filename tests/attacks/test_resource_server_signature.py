"""R: attacks on the signature of an access token, against the notes API (RFC 8725 sections 2.1 and 3.1 to 3.10)."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from resource_server.demo.app import build_app
from shared import base64url
from tests.attacks.forging import hs256, spellings_of_the_public_key, two_issuers
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
