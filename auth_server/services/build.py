"""Builds everything below the doors once, from settings; implementations are chosen here and in its neighbours, nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

from auth_server.accounts.passwords import Argon2Cost
from auth_server.clients.service import Clients
from auth_server.health import Health
from auth_server.keys.encryption import ResourceEncryption
from auth_server.keys.keyring import Keyring
from auth_server.keys.lifecycle import RotationPolicy
from auth_server.outbound.fetch import Network
from auth_server.protocol.refresh import RefreshPolicy
from auth_server.rate_limits.guesses import GuessPolicy
from auth_server.resources.service import Resources
from auth_server.services.browsers import build_browser_flow
from auth_server.services.ground import Ground, lay_ground
from auth_server.services.keys import build_keyring, with_keys
from auth_server.services.people import with_people
from auth_server.services.services import Services
from auth_server.services.signalling import build_signal_streams
from auth_server.settings import PREFIX, Settings
from auth_server.store.audit_events import AuditRecord
from auth_server.store.engine import open_engines, parse_database_url
from auth_server.store.store import Store
from auth_server.telemetry.metrics import Metrics
from auth_server.tokens.families import Families, MacKeys
from auth_server.tokens.issuer import TokenIssuer
from auth_server.tokens.standing import Standing
from auth_server.tokens.statuses import Statuses


def build_services(
    settings: Settings,
    *,
    store: Store | None = None,
    argon2: Argon2Cost | None = None,
    guesses: GuessPolicy | None = None,
    network: Network | None = None,
) -> Services:
    """Choose and connect the implementations; the database is not touched yet.

    Args:
        store, argon2, guesses, network: tests put a virtual clock, cheap hashes, other limits and an outside world here.

    Raises:
        KeyFileRefused: the file of key encryption keys cannot be trusted or read.
        ValueError: a key encryption key is malformed.
    """
    ground = lay_ground(settings, store or _store(settings), network)
    keyring = build_keyring(ground, policy := RotationPolicy(settings.key_policy, settings.key_rotation_period))
    mac_keys = MacKeys()
    families = _families(ground, mac_keys)
    standing = Standing(ground.store, ground.freshness)
    clients = Clients(ground.store, ground.freshness, ground.feed, settings.signing_algorithms)
    resources = Resources(ground.store, ground.freshness, settings.signing_algorithms)
    return with_keys(with_people(ground, argon2, guesses, clients, resources), ground, policy)(
        settings=settings,
        store=ground.store,
        freshness=ground.freshness,
        feed=ground.feed,
        keyring=keyring,
        mac_keys=mac_keys,
        families=families,
        refresh_policy=_refresh_policy(settings),
        token_issuer=_token_issuer(ground, keyring, families, standing),
        browser_flow=build_browser_flow(ground, keyring),
        signal_streams=build_signal_streams(ground, keyring),
        standing=standing,
        clients=clients,
        resources=resources,
        health=Health(ground.store, keyring),
        metrics=_metrics(ground.store),
        outbound=ground.outbound,
    )


def _store(settings: Settings) -> Store:
    try:
        url = parse_database_url(settings.database_url)
    except ValueError as error:
        raise ValueError(f"{PREFIX}DATABASE_URL: {error}") from error
    return Store(open_engines(url))


def _families(ground: Ground, mac_keys: MacKeys) -> Families:
    settings = ground.settings
    idle = settings.session_idle_lifetime
    return Families(mac_keys=mac_keys, policy=_refresh_policy(settings), feed=ground.feed, session_idle_lifetime=idle)


def _token_issuer(ground: Ground, keyring: Keyring, families: Families, standing: Standing) -> TokenIssuer:
    settings = ground.settings
    return TokenIssuer(
        store=ground.store,
        signer=keyring,
        families=families,
        standing=standing,
        encryption=ResourceEncryption(),
        issuer=settings.issuer,
        lifetime=int(settings.key_policy.access_token_lifetime),
        statuses=Statuses(ground.store, settings.issuer, settings.key_policy) if settings.status_list else None,
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
        ends_suspicious=settings.refresh_suspicious_replays == "revoke",
    )
