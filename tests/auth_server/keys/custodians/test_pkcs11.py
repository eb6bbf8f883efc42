"""Keys in an HSM: how they lie there, what is refused, and what happens when the token goes away or hangs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from auth_server.keys.custodians import pkcs11 as custodian_file
from auth_server.keys.custodians.pkcs11 import UNNAMED, Pkcs11Access, Pkcs11Custodian
from auth_server.keys.pkcs11_binding import binding, open_module
from auth_server.keys.public_half import public_jwk
from auth_server.protocol.errors import KeyUnavailable
from auth_server.protocol.secret import Secret
from auth_server.store.signing_keys import NewKey
from shared import base64url
from shared.jose import ES256, RS256
from tests.support.custodians import stored
from tests.support.hsm import OTHER_TOKEN, labels, opened
from tests.support.keys import is_signed_by

NEVER = 60.0


@pytest.fixture
def custodian(hsm: Pkcs11Access) -> Iterator[Pkcs11Custodian]:
    """A custodian on an empty token, from which whatever it made is removed."""
    # An RSA key takes as long as a busy machine lets it take.
    yield Pkcs11Custodian(hsm, seconds=NEVER)
    with opened(hsm) as session:
        for found in list(session.get_objects()):
            found.destroy()


def signs(custodian: Pkcs11Custodian, key: NewKey) -> bool:
    signed = b"header.payload"
    signature = base64url.encode(custodian.load(stored(key)).sign(signed))
    return is_signed_by(f"{signed.decode()}.{signature}", key.public_jwk)


def test_a_key_never_leaves_the_token_and_signs_alone(custodian: Pkcs11Custodian, hsm: Pkcs11Access) -> None:
    from pkcs11 import Attribute, ObjectClass

    key = custodian.generate("default", RS256)

    with opened(hsm) as session:
        private = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=key.kid)
        assert [private[name] for name in (Attribute.TOKEN, Attribute.PRIVATE, Attribute.SENSITIVE, Attribute.SIGN)] == [True] * 4
        assert [private[name] for name in (Attribute.EXTRACTABLE, Attribute.DECRYPT, Attribute.UNWRAP)] == [False] * 3
        assert (private[Attribute.ALWAYS_SENSITIVE], private[Attribute.NEVER_EXTRACTABLE]) == (True, True)


def test_both_halves_are_labelled_with_the_kid_and_the_row_names_it(custodian: Pkcs11Custodian, hsm: Pkcs11Access) -> None:
    from pkcs11 import Attribute

    key = custodian.generate("default", ES256)

    assert labels(hsm) == [key.kid, key.kid]
    assert key.private_ref == f"pkcs11:object={key.kid};type=private".encode()
    with opened(hsm) as session:
        assert {bytes(half[Attribute.ID]) for half in session.get_objects()} == {base64url.decode(key.kid.encode())}


def test_rsa_keys_have_2048_bits_and_the_usual_exponent(custodian: Pkcs11Custodian) -> None:
    key = custodian.generate("default", RS256)

    assert (len(key.public_jwk["n"]), key.public_jwk["e"]) == (342, "AQAB")


def test_destroying_a_key_removes_both_its_halves_and_no_other_key(custodian: Pkcs11Custodian, hsm: Pkcs11Access) -> None:
    key, other = custodian.generate("default", ES256), custodian.generate("default", ES256)

    custodian.destroy(key)

    assert set(labels(hsm)) == {other.kid}


def test_a_key_that_the_token_would_give_away_is_refused(custodian: Pkcs11Custodian, hsm: Pkcs11Access) -> None:
    """Somebody put it there, or made it by hand: it may be known outside, and a copy signs as well."""
    from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass

    with opened(hsm) as session:
        template = {Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True}
        words = {"capabilities": MechanismFlag.SIGN | MechanismFlag.VERIFY, "private_template": template}
        public, private = session.generate_keypair(KeyType.RSA, 2048, store=True, **words)
        members = public_jwk(RS256, custodian_file._members(public, RS256))
        for half in (public, private):
            half[Attribute.LABEL] = members["kid"]
        assert session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=members["kid"])[Attribute.EXTRACTABLE]
    key = NewKey(
        members["kid"], "default", RS256, members, "pkcs11", f"pkcs11:object={members['kid']};type=private".encode(), None
    )

    with pytest.raises(KeyUnavailable, match="give the private half"):
        custodian.load(stored(key))


def test_a_key_that_could_not_be_named_is_removed(
    custodian: Pkcs11Custodian, hsm: Pkcs11Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custodian_file, "_members", lambda public, alg: {"kty": "oct"})

    with pytest.raises(KeyUnavailable, match="no use"):
        custodian.generate("default", ES256)

    assert labels(hsm) == []


def test_a_key_that_takes_too_long_is_there_when_it_is_asked_for_again(
    custodian: Pkcs11Custodian, hsm: Pkcs11Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small HSM needs half a minute for an RSA key. Beginning a new one each time would fill it, and never end."""
    finish, make = threading.Event(), custodian_file._make
    monkeypatch.setattr(custodian_file, "_make", lambda session, *, alg: make(session, alg=alg) if finish.wait(NEVER) else None)
    slow = Pkcs11Custodian(hsm, seconds=0.05)
    for _ in range(2):
        with pytest.raises(KeyUnavailable, match="did not answer"):
            slow.generate("default", ES256)
    begun = slow._making["default", ES256]

    finish.set()
    begun.result(NEVER)
    slow._threads.seconds = NEVER
    key = slow.generate("default", ES256)

    assert labels(hsm) == [key.kid, key.kid]
    assert slow.generate("default", ES256).kid != key.kid


def test_a_token_that_hangs_holds_no_caller_for_long(hsm: Pkcs11Access, monkeypatch: pytest.MonkeyPatch) -> None:
    key = Pkcs11Custodian(hsm, seconds=NEVER).generate("default", ES256)
    goes_on = threading.Event()
    monkeypatch.setattr(custodian_file, "open_module", lambda path: open_module(path) if goes_on.wait(NEVER) else None)
    custodian = Pkcs11Custodian(hsm, seconds=0.05)

    with pytest.raises(KeyUnavailable, match="did not answer"):
        custodian.load(stored(key))
    with pytest.raises(KeyUnavailable, match="did not answer"):
        custodian.generate("default", ES256)
    with pytest.raises(KeyUnavailable, match="did not answer"):
        custodian.destroy(key)

    goes_on.set()
    custodian._making["default", ES256].result(NEVER)


@pytest.mark.parametrize(
    "lose",
    [
        lambda custodian: custodian._token._own.session.handle.close(),
        lambda custodian: (custodian._token._own.session.handle.close(), custodian._token._login.close()),
    ],
    ids=["its session", "its login"],
)
def test_a_thread_that_lost_something_opens_it_again(custodian: Pkcs11Custodian, lose) -> None:
    key = custodian.generate("default", ES256)
    signer = custodian.load(stored(key))
    signer.sign(b"in this thread")

    lose(custodian)

    assert len(signer.sign(b"in this thread")) == 64
    assert signs(custodian, key)


def test_a_wrong_pin_is_tried_once(hsm: Pkcs11Access, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real token locks itself after a few, and the rotation asks every ten seconds."""
    asked: list[str] = []

    def found(path: str) -> object:
        asked.append(path)
        return open_module(path)

    monkeypatch.setattr(custodian_file, "open_module", found)
    wrong = Pkcs11Custodian(replace(hsm, token=OTHER_TOKEN, pin=Secret("canary-wrong-pin")))

    for _ in range(3):
        with pytest.raises(KeyUnavailable) as refused:
            wrong.generate("default", ES256)
        assert "PIN" in str(refused.value)
        assert "canary" not in repr(refused.value)

    assert len(asked) == 1


@pytest.mark.parametrize("wrong", [{"token": "not-plugged-in"}, {"module": "/nowhere/libpkcs11.so"}])
def test_a_token_or_a_library_that_is_not_there_is_a_refusal(hsm: Pkcs11Access, wrong: dict[str, str]) -> None:
    with pytest.raises(KeyUnavailable):
        Pkcs11Custodian(replace(hsm, **wrong)).generate("default", ES256)


def test_without_the_package_the_refusal_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    binding.cache_clear()
    custodian = Pkcs11Custodian(Pkcs11Access("/nowhere/libpkcs11.so", "token", Secret("1234")))

    with pytest.raises(KeyUnavailable, match=r"pip install 'sealwright\[pkcs11\]'"):
        custodian.generate("default", ES256)


def test_no_key_keeps_the_name_it_has_while_it_is_made(custodian: Pkcs11Custodian, hsm: Pkcs11Access) -> None:
    custodian.generate("default", ES256)

    assert UNNAMED not in labels(hsm)


def test_threads_sign_while_keys_are_made_and_destroyed(custodian: Pkcs11Custodian) -> None:
    """A library that was not told to lock crashes the process here."""
    key = custodian.generate("default", ES256)
    signer = custodian.load(stored(key))

    def sign(_: int) -> int:
        return sum(len(signer.sign(b"header.payload")) for _ in range(500))

    with ThreadPoolExecutor(8) as threads:
        signing = [threads.submit(sign, number) for number in range(7)]
        for _ in range(5):
            custodian.destroy(custodian.generate("default", ES256))

    assert [done.result(NEVER) for done in signing] == [64 * 500] * 7
