"""What went wrong elsewhere with keys and algorithms: one test an incident, by its number in the list.

Where an incident was about a secret made of a public key, each test adds the spellings that got through there.
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable, Iterator, Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from resource_server.verifier.key_set import read_key_set
from shared import base64url
from tests.attacks.forging import hs256, padded_message, spellings_of_the_public_key
from tests.resource_server.api import Api, an_api
from tests.resource_server.feeds import warm_until_told
from tests.resource_server.support import (
    RS256_ONLY,
    Events,
    a_header,
    ec_jwk,
    es256,
    jwks,
    number,
    ps256,
    rs256,
    rsa_jwk,
    rsa_key,
)

DIGESTS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with an_api() as api:
        api.accepts(api.token())
        yield api


def refuses_secrets(api: Api, secrets: Mapping[str, bytes], algorithms: Mapping[str, str] = DIGESTS) -> None:
    """Assert that no token whose MAC was made with one of these secrets passes, in any spelling with and without a last newline."""
    assert secrets
    for secret in secrets.values():
        for spelt in {secret, secret.rstrip(b"\n"), secret + b"\n"}:
            for algorithm, digest in algorithms.items():
                forged = api.token(a_header(alg=algorithm), lambda m, s=spelt, d=digest: hmac.new(s, m, d).digest())  # type: ignore[misc]
                api.refuses(forged, "algorithm_not_allowed")
                # The same MAC under the name of the real algorithm.
                api.refuses(api.token(sign=lambda m, s=spelt, d=digest: hmac.new(s, m, d).digest()), "bad_signature")  # type: ignore[misc]


def eventually(look: Callable[[], list[dict[str, object]]]) -> list[dict[str, object]]:
    """Return what is told in the background, once it was."""
    give_up_at = time.monotonic() + 60
    while not look() and time.monotonic() < give_up_at:
        time.sleep(0.005)
    return look()


def spellings(*names: str) -> dict[str, bytes]:
    known = spellings_of_the_public_key()
    return {name: known[name] for name in names}


def test_cve_01_the_public_key_as_hmac_secret(api: Api) -> None:
    """CVE-2015-9235, CVE-2016-10555."""
    refuses_secrets(api, spellings("PEM", "PKCS1", "DER", "PKCS1 DER", "JWK"))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", ...])
@pytest.mark.parametrize("signature", ["kept", "empty", "made up"])
def test_cve_02_no_algorithm(api: Api, algorithm: object, signature: str) -> None:
    """CVE-2015-2951, CVE-2022-23540."""
    sign = {"kept": rs256(), "empty": lambda _: b"", "made up": lambda _: b"signed"}[signature]

    api.refuses(api.token(a_header(alg=algorithm), sign), "algorithm_not_allowed")


def test_cve_03_the_keys_own_kind_decides() -> None:
    """CVE-2022-23541."""
    with an_api(algorithms=("RS256", "PS256", "ES256")) as api:
        api.issuer.publish(rsa_jwk("one"), ec_jwk("ec"))
        api.accepts(api.token())

        for algorithm, sign in (("ES256", es256), ("PS256", ps256), ("ES256", rs256()), ("PS256", rs256())):
            api.refuses(api.token(a_header(alg=algorithm), sign), "algorithm_not_allowed")


def unfit() -> dict[str, dict[str, object]]:
    modulus = rsa_key("two").public_key().public_numbers().n
    return {
        "an EC key under an RS kid": ec_jwk("bad", alg="RS256"),
        "1024 bits": rsa_jwk("bad", rsa_key("weak", 1024)),
        "an even modulus": rsa_jwk("bad", rsa_key("two"), n=number(modulus + 1)),
        "e = 1": rsa_jwk("bad", rsa_key("two"), e="AQ"),
        "e = 3": rsa_jwk("bad", rsa_key("two"), e="Aw"),
        "an even e": rsa_jwk("bad", rsa_key("two"), e="AQAA"),
    }


@pytest.mark.parametrize("case", unfit())
def test_cve_04_keys_that_do_not_fit_are_refused_on_load(case: str) -> None:
    """CVE-2022-23539."""
    key_set = read_key_set(jwks(rsa_jwk("one"), unfit()[case]), RS256_ONLY)

    assert list(key_set.keys) == ["one"]
    assert [kid for kid, _why in key_set.skipped] == ["bad"]


def test_cve_04_no_token_of_such_a_key_passes() -> None:
    with an_api() as api:
        api.issuer.publish(rsa_jwk("one"), unfit()["e = 1"])
        api.accepts(api.token())
        api.refuses(api.token(a_header(kid="bad"), padded_message), "unknown_key")


def test_cve_05_the_pkcs1_spelling_as_secret(api: Api) -> None:
    """CVE-2017-11424: the guard knew `BEGIN PUBLIC KEY`, not `BEGIN RSA PUBLIC KEY`."""
    secret = spellings("PKCS1")
    assert secret["PKCS1"].startswith(b"-----BEGIN RSA PUBLIC KEY-----")
    refuses_secrets(api, secret)


def test_cve_06_the_openssh_and_certificate_spellings_as_secret(api: Api) -> None:
    """CVE-2022-29217: a list of forbidden spellings is never whole."""
    der = spellings("DER")["DER"]
    certificate = b"-----BEGIN CERTIFICATE-----\n" + base64url.encode(der).encode() + b"\n-----END CERTIFICATE-----\n"
    public = rsa_key("one").public_key()
    raw_certificate = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b" someone@host"
    refuses_secrets(
        api, {**spellings("OpenSSH"), "a certificate": certificate, "with a comment": raw_certificate}, {"HS256": "sha256"}
    )


def test_cve_10_a_symmetric_jwk_in_the_key_set_is_skipped_and_logged() -> None:
    """CVE-2026-48523: the allow-list was skipped for a key that came as an object."""
    told = Events()
    with an_api(on_event=told) as api:
        secret = b"s" * 32
        oct_key = {"kty": "oct", "kid": "mac", "alg": "HS256", "use": "sig", "k": base64url.encode(secret)}
        api.issuer.publish(rsa_jwk("one"), oct_key)
        api.accepts(api.token())

        for algorithm in ("HS256", "RS256"):
            api.refuses(api.token(a_header(kid="mac", alg=algorithm), hs256(secret)))
        api.guard.close()
        assert [skipped["kid"] for skipped in eventually(lambda: told.named("key_skipped"))] == ["mac"]


def test_cve_13_a_key_set_of_symmetric_keys_alone_makes_nothing_ready() -> None:
    """CVE-2026-48526, CVE-2026-102266: the JSON of a JWK, or an empty key, as secret."""
    with an_api() as api:
        api.issuer.publish({"kty": "oct", "kid": "one", "k": ""}, {"kty": "oct", "kid": "two", "alg": "HS256", "k": "c2VjcmV0"})

        assert not warm_until_told(api.guard).ready
        for secret in (b"", b"secret", json.dumps(rsa_jwk("one")).encode()):
            assert api.ask(api.token(a_header(alg="HS256"), hs256(secret))).status == 401
        assert api.ask(api.token(sign=hs256(b""))).status == 503


def variants(text: bytes) -> Iterator[bytes]:
    """Yield a text with white space and case changed where a guard may look."""
    for space in (b" ", b"\n", b"\t", b"\r\n", b"\x0b", b"\x0c", b"\xc2\xa0", b"\xef\xbb\xbf", b"\0"):
        yield space + text
        yield text + space
        yield text.replace(b"-----\n", b"-----" + space + b"\n", 1)
    yield text.lower()
    yield text.replace(b"BEGIN", b"Begin")
    yield text.replace(b"\n", b"")
    yield text.replace(b"\n", b"\r\n")
    yield text.replace(b"-----BEGIN", b"----BEGIN")


def test_cve_15_spellings_with_other_white_space_and_case(api: Api) -> None:
    """CVE-2026-102268."""
    for name in ("PEM", "PKCS1"):
        for secret in variants(spellings(name)[name]):
            api.refuses(api.token(a_header(alg="HS256"), hs256(secret)), "algorithm_not_allowed")


def test_cve_17_keys_nested_in_a_key_are_not_seen() -> None:
    """CVE-2026-102273."""
    attacker = rsa_key("attacker")
    with an_api() as api:
        nested = rsa_jwk("two", keys=[rsa_jwk("nested", attacker)], jwk=rsa_jwk("nested", attacker))
        api.issuer.publish(rsa_jwk("one"), nested, {"keys": [rsa_jwk("nested", attacker)]})
        api.accepts(api.token())
        api.accepts(api.token(a_header(kid="two"), rs256(rsa_key("two"))))

        api.refuses(api.token(a_header(kid="nested"), rs256(attacker)), "unknown_key")


def malformed() -> dict[str, object]:
    """Every shape of a JWK that is none."""
    good = rsa_jwk("bad", rsa_key("two"))
    shapes: dict[str, object] = {f"no {name}": {n: v for n, v in good.items() if n != name} for name in ("kty", "kid", "n", "e")}
    for name in ("kty", "kid", "alg", "use", "n", "e"):
        for value in (None, 1, True, [], {}, "", "\u2603", "a b", "A" * 5):
            shapes[f"{name} {value!r}"] = {**good, name: value}
    shapes |= {
        "padding": {**good, "e": "AQAB="},
        "classic": {**good, "n": "+/" + str(good["n"])[2:]},
        "huge": {**good, "n": "_" * 4000},
    }
    return {
        **shapes,
        "null": None,
        "a number": 1,
        "text": "key",
        "a list": [good],
        "nothing": {},
        "private": {**good, "d": "AQAB"},
    }


def test_cve_18_one_bad_key_leaves_the_good_one() -> None:
    """CVE-2026-102274."""
    for name, shape in malformed().items():
        key_set = read_key_set(jwks(shape, rsa_jwk("one"), shape), RS256_ONLY)

        assert "one" in key_set.keys, name
        # `alg` and `use` may be left out, and then the key is a good one (RFC 7517 sections 4.2 and 4.4).
        # Any text may be a `kid`.
        good = name == "alg None" or (name.startswith("kid '") and name != "kid ''")
        assert set(key_set.keys) == {"one"} or good, name


def test_cve_20_hs256_with_the_public_key(api: Api) -> None:
    """CVE-2024-37568."""
    refuses_secrets(api, spellings("PEM", "DER", "JWK", "n", "n in base64url"), {"HS256": "sha256"})


def test_cve_24_openssh_keys_as_secret(api: Api) -> None:
    """CVE-2024-33663."""
    refuses_secrets(api, spellings("OpenSSH"))
    ec_spelling = json.dumps(ec_jwk("ec")).encode()
    refuses_secrets(api, {"an EC key": ec_spelling}, {"HS256": "sha256"})


def test_cve_31_a_public_key_that_is_not_known_by_its_beginning(api: Api) -> None:
    """CVE-2023-48223: the kind of a key was guessed from the first characters of its text."""
    pem = spellings("PEM")["PEM"]
    refuses_secrets(
        api, {"after text": b"# our key\n" + pem, "after a bag": b"Bag Attributes\n    x: y\n" + pem}, {"HS256": "sha256"}
    )


def test_cve_33_a_public_key_behind_white_space(api: Api) -> None:
    """CVE-2026-34950: the same again."""
    refuses_secrets(api, {f"{n} spaces": b" " * n + spellings("PEM")["PEM"] for n in (1, 2, 64)}, {"HS256": "sha256"})


def test_cve_34_nothing_in_the_token_chooses_the_key(api: Api) -> None:
    """GHSA-869p-cjfg-cm3x: the payload chose the secret. Here the issuer of the settings and `kid` do."""
    attacker = rsa_key("attacker")
    for members in (
        {"kid": "attacker"},
        {"key": rsa_jwk("one", attacker)},
        {"jwk": rsa_jwk("one", attacker)},
        {"tenant": "evil"},
    ):
        api.refuses(api.token(sign=rs256(attacker), **members), "bad_signature")
    api.refuses(api.token(sign=rs256(attacker), iss="https://evil.example"), "bad_signature")


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize("r", [0, 1, ORDER, ORDER + 1, 2**256 - 1])
@pytest.mark.parametrize("s", [0, ORDER, ORDER + 1, 2**256 - 1])
def test_cve_35_numbers_that_are_no_elliptic_signature(r: int, s: int) -> None:
    """CVE-2022-21449; 2^256 - 1 is what a signed reader takes for -1."""
    with an_api(algorithms=("ES256",)) as api:
        api.issuer.publish(ec_jwk("ec"))
        header = a_header(alg="ES256", kid="ec")
        api.accepts(api.token(header, es256))

        api.refuses(api.token(header, lambda _: r.to_bytes(32, "big") + s.to_bytes(32, "big")), "bad_signature")


def test_cve_35_der_and_other_lengths_are_no_jws_signature() -> None:
    with an_api(algorithms=("ES256",)) as api:
        api.issuer.publish(ec_jwk("ec"))
        header = a_header(alg="ES256", kid="ec")
        for change in (lambda s: s[:63], lambda s: s + b"\0", lambda s: b"\0" + s, lambda s: s[32:] + s[:32], lambda s: b""):
            api.refuses(api.token(header, lambda m, c=change: c(es256(m))), "bad_signature")  # type: ignore[misc]


def test_the_keys_of_these_tests_are_the_size_that_is_meant() -> None:
    assert isinstance(rsa_key("weak", 1024), rsa.RSAPrivateKey)
    assert rsa_key("weak", 1024).key_size == 1024
