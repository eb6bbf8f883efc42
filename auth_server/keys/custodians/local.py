"""Private keys in our own database, sealed; opened once into objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from auth_server.keys.custodians.contract import Custodian, Signer
from auth_server.keys.public_half import ALGORITHMS, check_pair, private_key_of, public_jwk_of
from auth_server.keys.sealing import KeyEncryptionKeys, SealedValue, signing_key_context
from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.signing_keys import NewKey, SigningKey
from shared.jose import ED25519, ES256, PS256, RS256

RSA_BITS: Final = 2048

_GENERATORS: Final[dict[str, Callable[[], Any]]] = {
    RS256: lambda: rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS),
    PS256: lambda: rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS),
    ES256: lambda: ec.generate_private_key(ec.SECP256R1()),
    ED25519: ed25519.Ed25519PrivateKey.generate,
}


class LocalCustodian(Custodian):
    """Keys made here, sealed for their issuer, ring, kid and algorithm."""

    name: ClassVar[str] = "local"

    def __init__(self, *, issuer: str, key_encryption_keys: KeyEncryptionKeys) -> None:
        self._issuer = issuer
        self._keks = key_encryption_keys

    def generate(self, ring: str, alg: str) -> NewKey:
        generator = _GENERATORS.get(alg)
        if generator is None:
            raise KeyUnavailable(f"no key can be made for the algorithm {alg}")
        while True:
            made = self._sealed_new(ring, alg, generator())
            # Operators type kids, and every command line would take one that begins with a dash for an option.
            if not made.kid.startswith("-"):
                return made

    def adopt(self, ring: str, alg: str, members: Mapping[str, str]) -> NewKey:
        """Seal a private key that was made elsewhere, given as JWK members; nothing is published or stored by this.

        Raises:
            ValueError: it is no private key for this algorithm, or its halves do not belong together.
        """
        return self._sealed_new(ring, alg, private_key_of(alg, members))

    def _sealed_new(self, ring: str, alg: str, private_key: Any) -> NewKey:
        public_jwk = public_jwk_of(alg, private_key.public_key())
        kid = public_jwk["kid"]
        encoded = private_key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        sealed = self._keks.seal(encoded, self._context(ring, kid, alg))
        return NewKey(
            kid=kid,
            ring=ring,
            alg=alg,
            public_jwk=public_jwk,
            custodian=self.name,
            private_ref=sealed.blob,
            kek_id=sealed.kek_id,
        )

    def load(self, key: SigningKey) -> Signer:
        if key.alg not in ALGORITHMS:
            raise KeyUnavailable(f"nothing here signs with the algorithm {key.alg}")
        encoded = self._keks.open(self._sealed(key), self._context(key.ring, key.kid, key.alg))
        # Without the checks of the library, which test the primes and take 30 ms for a key: the seal says that these are the bytes of the
        # key that was made here, and `check_pair` that it signs what its public half verifies.
        private_key: Any = serialization.load_der_private_key(encoded, password=None, unsafe_skip_rsa_key_validation=True)
        signer = _LocalSigner(key.alg, private_key)
        check_pair(key, signer)
        return signer

    def destroy(self, key: SigningKey | NewKey) -> None:
        """Nothing is held here: the row that was erased was all there is."""

    def rewrap(self, key: SigningKey) -> SealedValue:
        """Return the private half with its data key under the first key encryption key.

        Raises:
            KeyUnavailable: it is erased or does not open.
        """
        return self._keks.rewrap(self._sealed(key), self._context(key.ring, key.kid, key.alg))

    def _sealed(self, key: SigningKey) -> SealedValue:
        if key.private_ref is None or key.kek_id is None:
            raise KeyUnavailable(f"the private half of {key.kid} is erased")
        return SealedValue(key.private_ref, key.kek_id)

    def _context(self, ring: str, kid: str, alg: str) -> tuple[str, ...]:
        return signing_key_context(issuer=self._issuer, ring=ring, kid=kid, alg=alg)


class _LocalSigner:
    """An opened private key. It has no text form, and no attribute by which a log line or a traceback would show it."""

    __slots__ = ("_sign",)
    is_local: ClassVar[bool] = True

    def __init__(self, alg: str, private_key: Any) -> None:
        algorithm = ALGORITHMS[alg]
        self._sign: Callable[[bytes], bytes] = lambda signing_input: algorithm.sign(signing_input, private_key)

    def sign(self, signing_input: bytes) -> bytes:
        return self._sign(signing_input)

    def __repr__(self) -> str:
        return "<local signer>"
