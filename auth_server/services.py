"""Builds everything below the doors once, from settings; implementations are chosen here and nowhere else."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from auth_server.accounts.administration import Administration
from auth_server.accounts.login import Login
from auth_server.accounts.password_pool import PasswordPool
from auth_server.accounts.passwords import Argon2Cost, Passwords
from auth_server.accounts.registration import Registration
from auth_server.clients.service import Clients
from auth_server.health import Health
from auth_server.keys.burning import Burning
from auth_server.keys.custodians.aws_kms import AwsKmsAccess
from auth_server.keys.custodians.contract import Custodian
from auth_server.keys.custodians.pkcs11 import Pkcs11Access
from auth_server.keys.custodians.registry import all_custodians
from auth_server.keys.importing import Importing
from auth_server.keys.intents import find_unfinished
from auth_server.keys.journal import FILE_NAME as JOURNAL
from auth_server.keys.journal import PublishedJournal
from auth_server.keys.key_file import load_or_create
from auth_server.keys.keyring import Keyring
from auth_server.keys.lifecycle import RotationPolicy
from auth_server.keys.restore import Restore
from auth_server.keys.rewrap import Rewrap
from auth_server.keys.rings import Rings
from auth_server.keys.rollback import RollbackWatch
from auth_server.keys.sealing import KeyEncryptionKeys
from auth_server.keys.server_secrets import KNOWN_DEVICE, REFRESH_MAC, ServerSecrets
from auth_server.protocol.directory import Directory
from auth_server.protocol.errors import KeyUnavailable
from auth_server.protocol.refresh import RefreshPolicy
from auth_server.protocol.secret import Secret
from auth_server.rate_limits.guesses import GuessLimits, GuessPolicy
from auth_server.resources.service import Resources
from auth_server.revocation.feed import Feed
from auth_server.roles.service import Roles
from auth_server.sessions.service import Sessions
from auth_server.settings import Settings
from auth_server.store.audit_events import AuditRecord
from auth_server.store.engine import open_engines, parse_database_url
from auth_server.store.freshness import Freshness, Remembered
from auth_server.store.store import Store
from auth_server.telemetry.metrics import Metrics
from auth_server.tokens.families import Families, MacKeys
from auth_server.tokens.issuer import TokenIssuer

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """Every collaborator. Doors and commands take from it what they need, by name."""

    settings: Settings
    store: Store
    freshness: Freshness
    feed: Feed
    rings: Rings
    burning: Burning
    restore: Restore
    importing: Importing
    keyring: Keyring
    server_secrets: ServerSecrets
    rewrap: Rewrap
    mac_keys: MacKeys
    families: Families
    refresh_policy: RefreshPolicy
    token_issuer: TokenIssuer
    clients: Clients
    resources: Resources
    roles: Roles
    role_permissions: Remembered[None, Mapping[str, frozenset[str]]]
    sessions: Sessions
    guess_limits: GuessLimits
    password_pool: PasswordPool
    registration: Registration
    administration: Administration
    login: Login
    health: Health
    metrics: Metrics

    async def directory(self) -> Directory:
        """Return resources and roles; no database when both are remembered and fresh.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        return Directory(await self.resources.all(), await self.role_permissions.get(None))

    async def start(self) -> None:
        """Make ready to serve: the clock, the first keys, the remembered directory. What fails here is tried again by the jobs.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        self.store.synchronise_clock()
        await self.freshness.poll()
        try:
            await self.rings.initialise()
            await self.load_secrets()
        except KeyUnavailable as error:
            # The public keys are still published, so nobody rejects a valid token meanwhile; readiness says what is wrong.
            _LOG.error("keys unavailable", extra={"fields": {"error": str(error)}})
        await self.keyring.refresh()
        for resource in await self.resources.without_algorithm():
            _LOG.warning("tokens are refused: the algorithm is not configured", extra={"fields": {"resource": resource}})
        for intent in await find_unfinished(self.store):
            _LOG.warning("a change of keys was intended and has no outcome", extra={"fields": {"intent": str(intent)}})

    async def load_secrets(self) -> None:
        """Unseal the secrets that replicas share.

        Raises:
            KeyUnavailable: they lie under a key encryption key that is not ours.
        """
        mac = await self.server_secrets.load(REFRESH_MAC)
        self.mac_keys.replace(mac.current_id, mac.values)
        device = await self.server_secrets.load(KNOWN_DEVICE)
        self.guess_limits.use_key(device.current)

    def close(self) -> None:
        """Let go of threads, keys and connections."""
        self.password_pool.close()
        self.keyring.close()
        self.store.close()


@dataclass(frozen=True, slots=True)
class _Ground:
    """What the domains stand on."""

    settings: Settings
    store: Store
    freshness: Freshness
    feed: Feed
    custodians: Mapping[str, Custodian]
    key_encryption_keys: KeyEncryptionKeys
    watch: RollbackWatch


def build_services(
    settings: Settings, *, store: Store | None = None, argon2: Argon2Cost | None = None, guesses: GuessPolicy | None = None
) -> Services:
    """Choose and connect the implementations; the database is not touched yet.

    Args:
        store, argon2, guesses: tests put a virtual clock, cheap hashes and other limits here.

    Raises:
        KeyFileRefused: the file of key encryption keys cannot be trusted or read.
        ValueError: a key encryption key is malformed.
    """
    ground = _ground(settings, store or Store(open_engines(parse_database_url(settings.database_url))))
    policy = RotationPolicy(settings.key_policy, settings.key_rotation_period)
    keyring = _keyring(ground, policy)
    mac_keys = MacKeys()
    families = Families(
        mac_keys=mac_keys,
        policy=_refresh_policy(settings),
        feed=ground.feed,
        session_idle_lifetime=settings.session_idle_lifetime,
    )
    issuer = TokenIssuer(
        store=ground.store,
        signer=keyring,
        families=families,
        issuer=settings.issuer,
        lifetime=int(settings.key_policy.access_token_lifetime),
    )
    return _with_keys(_with_people(ground, argon2, guesses), ground, policy)(
        settings=settings,
        store=ground.store,
        freshness=ground.freshness,
        feed=ground.feed,
        keyring=keyring,
        mac_keys=mac_keys,
        families=families,
        refresh_policy=_refresh_policy(settings),
        token_issuer=issuer,
        clients=Clients(ground.store, ground.freshness, ground.feed, settings.signing_algorithms),
        resources=Resources(ground.store, ground.freshness, settings.signing_algorithms),
        health=Health(ground.store, keyring),
        metrics=_metrics(ground.store),
    )


def _ground(settings: Settings, store: Store) -> _Ground:
    texts = settings.key_encryption_keys or load_or_create(settings.data_dir)
    keys = KeyEncryptionKeys.from_texts(texts)
    custodians = all_custodians(
        issuer=settings.issuer, key_encryption_keys=keys, pkcs11=_pkcs11(settings), aws_kms=_aws_kms(settings)
    )
    watch = RollbackWatch(store, PublishedJournal(settings.data_dir / JOURNAL))
    return _Ground(settings, store, Freshness(store), Feed(settings.key_policy), custodians, keys, watch)


def _with_keys(build: Callable[..., Services], ground: _Ground, policy: RotationPolicy) -> Callable[..., Services]:
    """Return `build` with everything that is done to keys filled in."""
    store, custodians, keys = ground.store, ground.custodians, ground.key_encryption_keys
    return partial(
        build,
        rings=_rings(ground, policy),
        burning=_burning(ground, policy),
        restore=_restore(ground, policy),
        importing=Importing(store=store, custodians=custodians, watch=ground.watch),
        server_secrets=ServerSecrets(store=store, key_encryption_keys=keys),
        rewrap=Rewrap(store=store, key_encryption_keys=keys, custodians=custodians),
    )


def _with_people(ground: _Ground, argon2: Argon2Cost | None, guesses: GuessPolicy | None) -> Callable[..., Services]:
    """Return `Services` with everything about people filled in."""
    settings, store, feed = ground.settings, ground.store, ground.feed
    pool = PasswordPool()
    passwords = Passwords(pool, issuer=settings.issuer, cost=argon2)
    limits = GuessLimits(policy=guesses)
    sessions = Sessions(store=store, feed=feed, idle_lifetime=settings.session_idle_lifetime, lifetime=settings.session_lifetime)
    return partial(
        Services,
        roles=Roles(store=store, feed=feed),
        role_permissions=Remembered(store, ground.freshness, lambda tx, _: tx.roles.all()),
        sessions=sessions,
        guess_limits=limits,
        password_pool=pool,
        registration=Registration(store=store, passwords=passwords, mode=settings.registration),
        administration=Administration(store=store, passwords=passwords, limits=limits, feed=feed),
        login=Login(store=store, passwords=passwords, limits=limits, sessions=sessions),
    )


def _pkcs11(settings: Settings) -> Pkcs11Access | None:
    if settings.pkcs11_module is None or settings.pkcs11_token is None or settings.pkcs11_pin is None:
        return None
    return Pkcs11Access(settings.pkcs11_module, settings.pkcs11_token, Secret(settings.pkcs11_pin))


def _aws_kms(settings: Settings) -> AwsKmsAccess | None:
    return AwsKmsAccess(settings.aws_kms_region, settings.aws_kms_endpoint) if settings.aws_kms_region else None


def _rings(ground: _Ground, policy: RotationPolicy) -> Rings:
    return Rings(
        store=ground.store,
        custodians=ground.custodians,
        policy=policy,
        algorithms=ground.settings.signing_algorithms,
        custodian=ground.settings.key_custodian,
        watch=ground.watch,
    )


def _burning(ground: _Ground, policy: RotationPolicy) -> Burning:
    return Burning(
        store=ground.store,
        custodians=ground.custodians,
        policy=policy,
        custodian=ground.settings.key_custodian,
        watch=ground.watch,
    )


def _restore(ground: _Ground, policy: RotationPolicy) -> Restore:
    return Restore(
        store=ground.store,
        custodians=ground.custodians,
        policy=policy,
        custodian=ground.settings.key_custodian,
        watch=ground.watch,
    )


def _keyring(ground: _Ground, policy: RotationPolicy) -> Keyring:
    return Keyring(
        store=ground.store,
        clock=ground.store.clock,
        custodians=ground.custodians,
        policy=policy,
        algorithms=ground.settings.signing_algorithms,
        spare_core=_cores() > ground.settings.workers,
        watch=ground.watch,
    )


def _metrics(store: Store) -> Metrics:
    metrics = Metrics()

    def count(records: Sequence[AuditRecord], _directory_changed: bool) -> None:
        for record in records:
            metrics.count_event(record.name, record.outcome)

    store.on_commit(count)
    return metrics


def _refresh_policy(settings: Settings) -> RefreshPolicy:
    return RefreshPolicy(
        quiet_window=settings.refresh_quiet_window,
        retry_grace=settings.refresh_retry_grace,
        idle_lifetime=settings.refresh_idle_lifetime,
        lifetime=settings.refresh_lifetime,
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
