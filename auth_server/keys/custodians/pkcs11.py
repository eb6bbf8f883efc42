"""Private keys in a hardware security module, reached through its PKCS#11 library; none of them ever leaves it.

One login for each process, one session for each thread: a session works on one thing at a time. A library that hangs cannot be
stopped, so keys are made, opened and destroyed on threads of this custodian, which gives up in time.

Source: PKCS #11 Specification Version 3.1 (OASIS).
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, ClassVar, Final, TypeVar

from auth_server.keys.bounded_threads import BoundedThreads
from auth_server.keys.custodians.contract import Custodian, Signer
from auth_server.keys.pkcs11_binding import binding, errors, open_module
from auth_server.keys.public_half import check_pair, public_jwk
from auth_server.protocol.errors import KeyUnavailable
from auth_server.protocol.secret import Secret
from auth_server.store.signing_keys import NewKey, SigningKey
from shared import base64url
from shared.jose import ED25519, ES256, PS256, RS256

RSA_BITS: Final = 2048
# The label of a key between its making and the moment at which its thumbprint is known: a crash leaves it behind, and it is no one's.
UNNAMED: Final = "sealwright: being made"
# RFC 5480 section 2.1.1.1 and RFC 8410 section 3.
_CURVES: Final = {ES256: "1.2.840.10045.3.1.7", ED25519: "1.3.101.112"}
# Names of errors after which a new session helps; after the second line only with a new login.
_STALE: Final = "ObjectHandleInvalid KeyHandleInvalid OperationActive"
_LOST: Final = "SessionHandleInvalid SessionClosed UserNotLoggedIn DeviceRemoved DeviceError TokenNotPresent GeneralError"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Pkcs11Access:
    """Where the keys are: the library's path, the token's label, and the user PIN."""

    module: str
    token: str
    pin: Secret


class Pkcs11Custodian(Custodian):
    """Keys that an HSM makes and keeps: sensitive, not extractable, good for signing alone, labelled with their `kid`.

    A row's `private_ref` is the key's PKCS#11 URI (RFC 7512).
    """

    name: ClassVar[str] = "pkcs11"

    def __init__(self, access: Pkcs11Access, *, seconds: float = 10.0) -> None:
        self._token = _Token(access)
        self._threads = BoundedThreads("PKCS#11 token", threads=4, waiting=16, seconds=seconds)
        self._making: dict[tuple[str, str], Future[NewKey]] = {}

    def generate(self, ring: str, alg: str) -> NewKey:
        # A small HSM takes half a minute for an RSA key. Who comes back finds the one that was begun, instead of filling the token.
        making = self._making.pop((ring, alg), None) or self._threads.submit(self._generate, ring, alg)
        try:
            return self._threads.wait(making)
        except KeyUnavailable:
            if not (making.done() and (making.cancelled() or making.exception())):
                self._making[ring, alg] = making
            raise

    def load(self, key: SigningKey) -> Signer:
        if key.private_ref is None:
            raise KeyUnavailable(f"the private half of {key.kid} is erased")
        if key.private_ref != _reference(key.kid):
            raise KeyUnavailable(f"the row of {key.kid} names another key of the token")
        signer = _Pkcs11Signer(self._token, key.kid, key.alg)
        self._threads.run_blocking(self._check, key, signer)
        return signer

    def destroy(self, key: SigningKey | NewKey) -> None:
        self._threads.run_blocking(self._token.change, functools.partial(_destroy, kid=key.kid))

    def _generate(self, ring: str, alg: str) -> NewKey:
        members = self._token.change(functools.partial(_make, alg=alg))
        kid = members["kid"]
        return NewKey(
            kid=kid, ring=ring, alg=alg, public_jwk=members, custodian=self.name, private_ref=_reference(kid), kek_id=None
        )

    def _check(self, key: SigningKey, signer: Signer) -> None:
        attribute = binding().Attribute
        private = self._token.run(
            lambda session: session.key(key.kid).get_attributes([attribute.SENSITIVE, attribute.EXTRACTABLE])
        )
        # One that somebody put there may be known outside: what an HSM is for is that nobody can know.
        if not private.get(attribute.SENSITIVE) or private.get(attribute.EXTRACTABLE, True):
            raise KeyUnavailable(f"the token would give the private half of {key.kid} away")
        check_pair(key, signer)


class _Pkcs11Signer:
    """A key by its name: what it holds would sign only on a machine that has the token."""

    __slots__ = ("_alg", "_kid", "_token")
    is_local: ClassVar[bool] = False

    def __init__(self, token: _Token, kid: str, alg: str) -> None:
        self._token = token
        self._kid = kid
        self._alg = alg

    def sign(self, signing_input: bytes) -> bytes:
        return self._token.run(lambda session: _sign(session.key(self._kid), self._alg, signing_input))

    def __repr__(self) -> str:
        return "<pkcs11 signer>"


@dataclass(slots=True)
class _Session:
    """A thread's own session, under which login it was opened, and the keys it has looked up."""

    handle: Any
    login: Any
    keys: dict[str, Any] = field(default_factory=dict)

    def key(self, kid: str) -> Any:
        """Return a private key of the token."""
        if kid not in self.keys:
            self.keys[kid] = self.handle.get_key(object_class=binding().ObjectClass.PRIVATE_KEY, label=kid)
        return self.keys[kid]


class _Token:
    """The login of this process to one token, and the sessions of its threads."""

    def __init__(self, access: Pkcs11Access) -> None:
        self._access = access
        self._own = threading.local()
        self._lock = threading.Lock()
        self._login: Any = None
        self._refused: str | None = None

    def run(self, work: Callable[[_Session], _T]) -> _T:
        """Do some work in this thread's session; once more in a new one, when the old one or its login was lost.

        Raises:
            KeyUnavailable: the token is not there, or refused.
        """
        pkcs11 = binding()
        try:
            session = self._session()
            try:
                return work(session)
            except errors(_STALE):
                self._forget(session, is_login_lost=False)
            except errors(_LOST):
                self._forget(session, is_login_lost=True)
            return work(self._session())
        except pkcs11.PKCS11Error as error:
            raise KeyUnavailable(f"the token {self._access.token} refused: {type(error).__name__}") from error

    def change(self, work: Callable[[Any], _T]) -> _T:
        """Do some work that changes what the token holds, in a session of its own that may write.

        Raises:
            KeyUnavailable: like `run`.
        """

        def in_own_session(session: _Session) -> _T:
            with contextlib.closing(session.handle.token.open(rw=True)) as writing:
                return work(writing)

        return self.run(in_own_session)

    def _session(self) -> _Session:
        own: _Session | None = getattr(self._own, "session", None)
        with self._lock:
            if self._login is None:
                self._login = self._log_in()
            login = self._login
        if own is None or own.login is not login:
            own = self._own.session = _Session(login.token.open(), login)
        return own

    def _log_in(self) -> Any:
        """Return a session that keeps the login of the whole process alive."""
        pkcs11 = binding()
        if self._refused is not None:
            raise KeyUnavailable(self._refused)
        token = open_module(self._access.module).get_token(token_label=self._access.token)
        try:
            return token.open(user_pin=self._access.pin.reveal())
        except pkcs11.UserAlreadyLoggedIn:
            return token.open()
        except errors("PinIncorrect PinLocked PinInvalid PinLenRange PinExpired") as error:
            # A token locks after a few wrong PINs, and this would try again every ten seconds.
            self._refused = (
                f"the token {self._access.token} refused the PIN ({type(error).__name__}); it is tried again at a restart"
            )
            raise KeyUnavailable(self._refused) from error

    def _forget(self, session: _Session, *, is_login_lost: bool) -> None:
        self._own.session = None
        with contextlib.suppress(binding().PKCS11Error):
            session.handle.close()
        with self._lock:
            if is_login_lost and self._login is session.login:
                self._login = None
                with contextlib.suppress(binding().PKCS11Error):
                    session.login.close()


def _make(session: Any, *, alg: str) -> Mapping[str, str]:
    """Make a key pair, name it after its thumbprint, and return its public JWK."""
    public, private = _key_pair(session, alg)
    try:
        members = public_jwk(alg, _members(public, alg))
        for half in (public, private):
            half[binding().Attribute.ID] = base64url.decode(members["kid"].encode())
            half[binding().Attribute.LABEL] = members["kid"]
    except (binding().PKCS11Error, ValueError) as error:
        for half in (private, public):
            half.destroy()
        raise KeyUnavailable(f"the token made a key that is of no use for {alg}") from error
    return members


def _key_pair(session: Any, alg: str) -> tuple[Any, Any]:
    pkcs11 = binding()
    words = {
        "store": True,
        "label": UNNAMED,
        "capabilities": pkcs11.MechanismFlag.SIGN | pkcs11.MechanismFlag.VERIFY,
        "private_template": {pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.EXTRACTABLE: False},
    }
    if alg in {RS256, PS256}:
        return tuple(session.generate_keypair(pkcs11.KeyType.RSA, RSA_BITS, **words))
    if alg not in _CURVES:
        raise KeyUnavailable(f"no key can be made for the algorithm {alg}")
    kind = pkcs11.KeyType.EC if alg == ES256 else pkcs11.KeyType.EC_EDWARDS
    mechanism = pkcs11.Mechanism.EC_KEY_PAIR_GEN if alg == ES256 else pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN
    curve = {pkcs11.Attribute.EC_PARAMS: pkcs11.util.ec.encode_named_curve_parameters(_CURVES[alg])}
    return tuple(session.create_domain_parameters(kind, curve, local=True).generate_keypair(mechanism=mechanism, **words))


def _members(public: Any, alg: str) -> Mapping[str, object]:
    attribute = binding().Attribute
    if alg in {RS256, PS256}:
        numbers = {"n": public[attribute.MODULUS], "e": public[attribute.PUBLIC_EXPONENT]}
        return {"kty": "RSA"} | {name: base64url.encode(number.lstrip(b"\0")) for name, number in numbers.items()}
    # A DER octet string, or what it holds: libraries differ. Coordinates have a fixed length, so they are the end of either.
    point = bytes(public[attribute.EC_POINT])
    if alg == ED25519:
        return {"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(point[-32:])}
    return {"kty": "EC", "crv": "P-256", "x": base64url.encode(point[-64:-32]), "y": base64url.encode(point[-32:])}


def _sign(key: Any, alg: str, signing_input: bytes) -> bytes:
    pkcs11 = binding()
    mechanism = pkcs11.Mechanism
    if alg == RS256:
        return bytes(key.sign(signing_input, mechanism=mechanism.SHA256_RSA_PKCS))
    if alg == PS256:
        parameters = (mechanism.SHA256, pkcs11.MGF.SHA256, sha256().digest_size)
        return bytes(key.sign(signing_input, mechanism=mechanism.SHA256_RSA_PKCS_PSS, mechanism_param=parameters))
    if alg == ES256:
        return bytes(key.sign(sha256(signing_input).digest(), mechanism=mechanism.ECDSA))
    if alg == ED25519:
        return bytes(key.sign(signing_input, mechanism=mechanism.EDDSA))
    raise KeyUnavailable(f"nothing here signs with the algorithm {alg}")


def _destroy(session: Any, *, kid: str) -> None:
    for half in list(session.get_objects({binding().Attribute.LABEL: kid})):
        half.destroy()


def _reference(kid: str) -> bytes:
    # Without the token's label: a token that is restored or replaced may be called otherwise.
    return f"pkcs11:object={kid};type=private".encode("ascii")
