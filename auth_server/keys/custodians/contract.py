"""What a custodian of private keys must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

from auth_server.store.signing_keys import NewKey, SigningKey


class Signer(Protocol):
    """A private key that is ready to sign. Its text form never shows it."""

    @property
    def is_local(self) -> bool:
        """Whether `sign` computes here, and may be called on the event loop.

        Otherwise it waits for another machine or a device: it is called on a few threads of its own, its caller waits for a limited
        time, and never while a database lock is held.
        """

    def sign(self, signing_input: bytes) -> bytes:
        """Return the raw JWS signature (RFC 7518 section 3). Thread-safe.

        Raises:
            KeyUnavailable: the custodian did not sign; only where `is_local` is False.
        """


class Custodian(ABC):
    """Makes and opens private keys.

    These methods may take seconds, and are called in threads and outside transactions. They may not take for ever: one that waits
    for another machine or a device gives up in time and raises.
    """

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
    def destroy(self, key: SigningKey | NewKey) -> None:
        """Destroy what the custodian itself holds of a key; no fault when it is gone already.

        Called for a key whose signing lease is over, which is compromised, or which was made and then not stored.

        Raises:
            KeyUnavailable: the custodian did not say that the key is gone; to be asked again.
        """
