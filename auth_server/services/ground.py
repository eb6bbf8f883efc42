"""What every domain stands on: settings, the store, freshness, the feed, and who keeps private keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from auth_server.keys.custodians.aws_kms import AwsKmsAccess
from auth_server.keys.custodians.contract import Custodian
from auth_server.keys.custodians.pkcs11 import Pkcs11Access
from auth_server.keys.custodians.registry import all_custodians
from auth_server.keys.journal import FILE_NAME as JOURNAL
from auth_server.keys.journal import PublishedJournal
from auth_server.keys.key_file import FILE_NAME, KeyFileRefused, load_or_create
from auth_server.keys.rollback import RollbackWatch
from auth_server.keys.sealing import KeyEncryptionKeys
from auth_server.outbound.fetch import Network, Outbound
from auth_server.protocol.secret import Secret
from auth_server.revocation.feed import Feed
from auth_server.settings import Settings
from auth_server.store.freshness import Freshness
from auth_server.store.store import Store


@dataclass(frozen=True, slots=True)
class Ground:
    """What the domains stand on."""

    settings: Settings
    store: Store
    freshness: Freshness
    feed: Feed
    custodians: Mapping[str, Custodian]
    key_encryption_keys: KeyEncryptionKeys
    watch: RollbackWatch
    outbound: Outbound


def lay_ground(settings: Settings, store: Store, network: Network | None = None) -> Ground:
    """Open the key encryption keys and the custodians; the database is not touched yet."""
    keys = _key_encryption_keys(settings)
    custodians = all_custodians(
        issuer=settings.issuer, key_encryption_keys=keys, pkcs11=_pkcs11(settings), aws_kms=_aws_kms(settings)
    )
    watch = RollbackWatch(store, PublishedJournal(settings.data_dir / JOURNAL))
    return Ground(settings, store, Freshness(store), Feed(settings.key_policy), custodians, keys, watch, Outbound(network))


def _key_encryption_keys(settings: Settings) -> KeyEncryptionKeys:
    if settings.key_encryption_keys:
        return KeyEncryptionKeys.from_texts(settings.key_encryption_keys)
    try:
        return KeyEncryptionKeys.from_texts(load_or_create(settings.data_dir))
    except ValueError as error:
        raise KeyFileRefused(f"{settings.data_dir / FILE_NAME}: {error}") from error


def _pkcs11(settings: Settings) -> Pkcs11Access | None:
    if settings.pkcs11_module is None or settings.pkcs11_token is None or settings.pkcs11_pin is None:
        return None
    return Pkcs11Access(settings.pkcs11_module, settings.pkcs11_token, Secret(settings.pkcs11_pin))


def _aws_kms(settings: Settings) -> AwsKmsAccess | None:
    return AwsKmsAccess(settings.aws_kms_region, settings.aws_kms_endpoint) if settings.aws_kms_region else None
