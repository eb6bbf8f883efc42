"""A custodian in the database that is watched: which keys it opens, on which thread it signs, and how long it takes."""

from __future__ import annotations

import threading

from auth_server.keys.custodians.contract import Signer
from auth_server.keys.custodians.local import LocalCustodian
from auth_server.keys.keyring import Keyring
from auth_server.keys.sealing import KeyEncryptionKeys
from auth_server.store.signing_keys import SigningKey
from tests.support.clock import FakeClock
from tests.support.keys import ISSUER, KEK, Replica


class WatchfulCustodian(LocalCustodian):
    """Counts the keys it opens, notes which thread signs, and may take its time."""

    def __init__(self, clock: FakeClock, load_seconds: float = 0) -> None:
        super().__init__(issuer=ISSUER, key_encryption_keys=KeyEncryptionKeys([KEK]))
        self.loaded: list[str] = []
        self.threads: list[str] = []
        self._clock = clock
        self._load_seconds = load_seconds

    def load(self, key: SigningKey) -> Signer:
        self.loaded.append(key.kid)
        self._clock.advance(self._load_seconds)
        return WatchfulSigner(super().load(key), self.threads)


class WatchfulSigner:
    is_local = True

    def __init__(self, signer: Signer, threads: list[str]) -> None:
        self._signer = signer
        self._threads = threads

    def sign(self, signing_input: bytes) -> bytes:
        self._threads.append(threading.current_thread().name)
        return self._signer.sign(signing_input)


def a_keyring(replica: Replica, custodian: LocalCustodian) -> Keyring:
    return Keyring(store=replica.store, clock=replica.clock, custodians={"local": custodian}, policy=replica.policy)
