"""Mutations. `broken` spoils the bytes of good tokens, so nothing it makes may pass; `odd` makes strange tokens and signs them validly."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared import base64url
from tests.resource_server.support import (
    AUDIENCE,
    ISSUER,
    NOW,
    Signer,
    a_header,
    claims,
    ec_jwk,
    ed_jwk,
    eddsa,
    es256,
    rs256,
    rsa_jwk,
    rsa_key,
)

ALGORITHMS: Final = frozenset({"RS256", "ES256", "Ed25519"})
_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# Sorted by how cheap they are to make: most mutants are signed by the quick ones.
SIGNERS: Final[Sequence[tuple[str, str, Signer]]] = (("Ed25519", "ed", eddsa), ("ES256", "ec", es256), ("RS256", "one", rs256()))
ODD_VALUES: Final[Sequence[str]] = (
    *("null", "true", "false", "0", "-1", "1", "1.0", "1e3", "1E400", "-0", "1e-400", "0.1", "9007199254740993", "1" * 40),
    *("[]", "{}", '""', '"x"', '"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"', '"é"', '" "', '"\\""'),
    *("NaN", "Infinity", "-Infinity", "[[[]]]", '[""]', '["x","x"]', "[null]", "[1]", '{"a":1,"a":2}', '{"a":{"a":{}}}'),
    *(f'"{ISSUER}"', f'"{ISSUER}/"', f'"{AUDIENCE}"', f'["{AUDIENCE}"]', f'["x","{AUDIENCE}"]', f'["{AUDIENCE}",1]'),
    *(str(NOW + off) for off in (-7200, -3600, -61, -60, -59, -1, 0, 1, 59, 60, 61, 600, 3600, 7200)),
    *(f'"{NOW}"', f"{NOW}.0", f"{NOW}.5", "01", "+1", "1_0", "0x10", "'x'", "tru", "", "\x00", "[" * 40 + "]" * 40),
)
NAMES: Final[Sequence[str]] = (
    *("iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "scope", "roles", "groups", "entitlements", "cnf", "act"),
    *("auth_time", "acr", "amr", "sid", "grant_id", "x", "", "\\u0073ub", "EXP", "exp ", "é"),
)
HEADER_NAMES: Final[Sequence[str]] = (
    *("alg", "typ", "kid", "crit", "b64", "jku", "jwk", "x5u", "x5c", "x5t", "zip", "enc", "epk", "cty", "x", "ALG", "p2c"),
)
HEADER_VALUES: Final[Sequence[str]] = (
    *('"RS256"', '"ES256"', '"Ed25519"', '"EdDSA"', '"none"', '"HS256"', '"PS256"', '"rs256"', '"RS256 "', '["RS256"]'),
    *('"at+jwt"', '"AT+JWT"', '"application/at+jwt"', '"JWT"', '"at+jwt "', '"one"', '"ec"', '"ed"', '"gone"', '"burned"'),
    *('["exp"]', '["b64"]', '"DEF"', '"https://evil.example/jwks"'),
)


@cache
def corpus() -> tuple[bytes, ...]:
    """Return good tokens of every algorithm and of many shapes."""
    shapes: list[dict[str, object]] = [
        {},
        {"scope": ...},
        {"aud": [AUDIENCE, "https://other.example"]},
        {"nbf": NOW - 5},
        {"roles": ["admin"], "groups": ["a", "b"], "entitlements": ["notes:write"]},
        {"sid": "s", "amr": ["pwd", "otp"], "acr": "1", "auth_time": NOW - 60, "grant_id": "g"},
        {"act": {"sub": "service"}, "x": {"deep": [1, [2, {"three": None}]]}},
        {"sub": "é" * 40, "text": "\u2603\U0001f600"},
        {"exp": NOW + 3600},
        {"jti": "j" * 200},
    ]
    return tuple(
        signed(json.dumps(claims(**shape)), json.dumps(header_of(signer)), signer) for signer in SIGNERS for shape in shapes
    )


@cache
def key_set_document() -> bytes:
    """Return the key set that the good tokens verify under, with a burned key in it."""
    keys = [rsa_jwk("one"), ec_jwk("ec"), ed_jwk("ed"), rsa_jwk("two")]
    return json.dumps({"keys": keys, "epoch": 7, "revoked": ["burned"]}).encode()


def header_of(signer: tuple[str, str, Signer]) -> dict[str, object]:
    """Return the header of a good token of this signer."""
    return a_header(alg=signer[0], kid=signer[1])


def signed(payload: str | bytes, header: str | bytes, signer: tuple[str, str, Signer]) -> bytes:
    """Return a token, whatever its two texts are."""
    texts = [part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part for part in (header, payload)]
    signing_input = ".".join(base64url.encode(text) for text in texts).encode()
    return signing_input + b"." + base64url.encode(signer[2](signing_input)).encode()


# Broken.


def broken(random: Random) -> bytes:
    """Return bytes that no key signed."""
    good = corpus()
    while True:
        token = random.choice(good)
        for _ in range(random.choice((1, 1, 1, 1, 2, 3, 8))):
            token = random.choice(_BREAKS)(token, random)
        if token not in good:
            return token


def _at(token: bytes, random: Random) -> int:
    return random.randrange(len(token)) if token else 0


def _flip(token: bytes, random: Random) -> bytes:
    place = _at(token, random)
    return token[:place] + bytes(b ^ 1 << random.randrange(8) for b in token[place : place + 1]) + token[place + 1 :]


def _other_character(token: bytes, random: Random) -> bytes:
    place = _at(token, random)
    return token[:place] + bytes((random.choice(_ALPHABET),)) + token[place + 1 :]


def _insert(token: bytes, random: Random) -> bytes:
    place = random.randrange(len(token) + 1)
    inserted = random.choice(
        (b"=", b"==", b".", b"..", b"+", b"/", b"\n", b"\r\n", b" ", b"\0", b"\xff", b"%2e", b"\xc2\xa0", b"A")
    )
    return token[:place] + inserted + token[place:]


def _delete(token: bytes, random: Random) -> bytes:
    place = _at(token, random)
    return token[:place] + token[place + random.choice((1, 1, 2, 4, 64)) :]


def _repeat(token: bytes, random: Random) -> bytes:
    place, length = _at(token, random), random.choice((1, 4, 100))
    return token[:place] + token[place : place + length] * random.choice((2, 3, 50)) + token[place + length :]


def _part(change: Callable[[bytes, Random], bytes]) -> Callable[[bytes, Random], bytes]:
    def act(token: bytes, random: Random) -> bytes:
        parts = token.split(b".")
        place = random.randrange(len(parts))
        parts[place] = change(parts[place], random)
        return b".".join(parts)

    return act


def _splice(token: bytes, random: Random) -> bytes:
    parts, others = token.split(b"."), random.choice(corpus()).split(b".")
    place = random.randrange(len(parts))
    return b".".join((*parts[:place], random.choice(others), *parts[place + 1 :]))


def _swap_parts(token: bytes, random: Random) -> bytes:
    parts = token.split(b".")
    random.shuffle(parts)
    return b".".join(parts)


def _last_character(part: bytes, random: Random) -> bytes:
    return part[:-1] + bytes((random.choice(_ALPHABET),))


def _forge(token: bytes, random: Random) -> bytes:
    """Change the claims or the header, and keep the signature, or make one without the key."""
    _head, _, signature = token.rpartition(b".")
    signer = random.choice(SIGNERS)
    header, payload = _odd_object(header_of(signer), HEADER_NAMES, HEADER_VALUES, random), _odd_claims(random)
    signing_input = b".".join(
        base64.urlsafe_b64encode(t.encode("utf-8", "surrogatepass")).rstrip(b"=") for t in (header, payload)
    )
    made = random.choice(
        (lambda: signature, lambda: b"", lambda: _mac(signing_input, random), lambda: base64url.encode(bytes(64)).encode())
    )
    return signing_input + b"." + made()


@cache
def _secrets() -> tuple[bytes, ...]:
    public = rsa_key().public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem, pem.strip(), public.public_bytes(Encoding.DER, PublicFormat.PKCS1), b"", json.dumps(rsa_jwk()).encode()


def _mac(message: bytes, random: Random) -> bytes:
    return base64url.encode(hmac.new(random.choice(_secrets()), message, hashlib.sha256).digest()).encode()


def _json_form(token: bytes, random: Random) -> bytes:
    parts = [part.decode("latin-1") for part in token.split(b".")]
    form: dict[str, Any] = {
        "payload": parts[min(1, len(parts) - 1)],
        "signatures": [],
        "protected": parts[0],
        "signature": parts[-1],
    }
    return json.dumps(form).encode()


def _noise(_token: bytes, random: Random) -> bytes:
    return random.randbytes(random.choice((0, 1, 3, 100, 2000)))


def _big(token: bytes, random: Random) -> bytes:
    return random.choice((token * 40, b"." * 9000, b"A" * 100_000, token + b"." * 5000, token[:-1] + b"A" * 8000))


_BREAKS: Final[Sequence[Callable[[bytes, Random], bytes]]] = (
    *(_flip, _flip, _other_character, _other_character, _insert, _insert, _delete, _repeat, _splice, _splice, _swap_parts),
    *(_part(_last_character), _part(_flip), _part(_insert), _part(lambda part, _: part + b"="), _part(lambda _, __: b"")),
    *(
        lambda token, _: token.swapcase(),
        lambda token, _: token.replace(b"-", b"+").replace(b"_", b"/"),
        _forge,
        _forge,
        _json_form,
    ),
    *(_noise, _big),
)


# Odd, and signed.


def odd(random: Random) -> bytes:
    """Return a token that was signed by a key of the set, of claims and a header that may be strange in any way."""
    signer = random.choices(SIGNERS, (12, 12, 1))[0]
    header = json.dumps(header_of(signer))
    if random.random() < 0.4:
        header = _odd_object(header_of(signer), HEADER_NAMES, HEADER_VALUES, random)
    return signed(_odd_claims(random), header, signer)


def _odd_claims(random: Random) -> str:
    good = claims(roles=["reader"], nbf=NOW - 1)
    return _odd_object(good, NAMES, ODD_VALUES, random)


def _odd_object(members: dict[str, object], names: Sequence[str], values: Sequence[str], random: Random) -> str:
    """Return the text of an object with a few members left out, replaced, added or repeated, and sometimes its text spoiled."""
    pairs = [(name, json.dumps(value)) for name, value in members.items()]
    for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
        change = random.randrange(5)
        place = random.randrange(len(pairs)) if pairs else 0
        if change == 0 and pairs:
            del pairs[place]
        elif change == 1 and pairs:
            pairs[place] = (pairs[place][0], random.choice(values))
        elif change == 2 and pairs:
            pairs.insert(random.randrange(len(pairs)), pairs[place])
        else:
            pairs.insert(place, (random.choice(names), random.choice(values)))
    if random.random() < 0.2:
        random.shuffle(pairs)
    space = random.choice(("", "", "", " ", "\n", "\t", "\xa0"))
    text = "{" + ",".join(f'{space}"{name}":{space}{value}' for name, value in pairs) + "}"
    if random.random() < 0.15:
        text = _spoil(text, random)
    return text


def _spoil(text: str, random: Random) -> str:
    place = random.randrange(len(text) + 1)
    return random.choice(
        (
            text + random.choice((" ", "\n", "{}", "x", "\0", ",")),
            "\ufeff" + text,
            text[:place] + random.choice(("\\", '"', "{", "}", "[", ",", "\0", "\ud800", "\x1f", "/**/")) + text[place:],
            text[:place],
            f"[{text}]",
            json.dumps(text),
        )
    )


def key_sets(random: Random) -> bytes:
    """Return a key set document that is spoiled somehow."""
    document = key_set_document()
    if random.random() < 0.5:
        for _ in range(random.choice((1, 2, 5))):
            document = random.choice((_flip, _delete, _insert, _repeat))(document, random)
        return document
    parsed = json.loads(document)
    for _ in range(random.choice((1, 2, 3))):
        holder = random.choice((parsed, *(key for key in parsed.get("keys", ()) if isinstance(key, dict))))
        name = random.choice((*holder, "k", "d", "use", "key_ops", "alg", "keys", "epoch", "revoked"))
        holder[name] = random.choice((None, 1, -1, "", "AQAB", [], {}, ["x"], [None], True, "RS256", "RSA", 1.5, "A" * 3000))
        if not isinstance(parsed.get("keys"), list):
            break
    return json.dumps(parsed).encode()
