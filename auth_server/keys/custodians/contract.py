"""What a custodian of private keys must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

from auth_server.store.signing_keys import NewKey, SigningKey


class Signer(Protocol):
    """A private key that is ready to sign. Its text form never shows it."""

    def sign(self, signing_input: bytes) -> bytes:
        """Return the raw JWS signature (RFC 7518 section 3).

        Thread-safe, and called on the event loop too: it computes, and never waits for another machine.
        """


class Custodian(ABC):
    """Makes and opens private keys. These methods may take long: they are called in threads and outside transactions."""

    name: ClassVar[str]

    @abstractmethod
    def generate(self, ring: str, alg: str) -> NewKey:
        """Make a key; `kid` is its RFC 7638 thumbprint. Nothing is published or stored by this.

        Raises:
            KeyUnavailable: the custodian cannot make keys, or none for this algorithm.
        """

    @abstractmethod
    def load(self, key: SigningKey) -> Signer:
        """Open a private key once, to be kept.

        Raises:
            KeyUnavailable: it is erased, does not open, or does not fit its public half.
        """

    @abstractmethod
    def destroy(self, key: SigningKey) -> None:
        """Destroy what the custodian itself holds of a key whose row was erased."""
