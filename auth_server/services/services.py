"""Every collaborator, in one value; doors and commands take from it what they need, by name."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from auth_server.accounts.administration import Administration
from auth_server.accounts.login import Login
from auth_server.accounts.password_pool import PasswordPool
from auth_server.accounts.registration import Registration
from auth_server.audit.missed import note_missed
from auth_server.clients.service import Clients
from auth_server.consent.service import Consents
from auth_server.health import Health
from auth_server.keys.burning import Burning
from auth_server.keys.importing import Importing
from auth_server.keys.intents import find_unfinished
from auth_server.keys.keyring import Keyring
from auth_server.keys.restore import Restore
from auth_server.keys.rewrap import Rewrap
from auth_server.keys.rings import Rings
from auth_server.keys.server_secrets import KNOWN_DEVICE, PAGES, REFRESH_MAC, ServerSecrets
from auth_server.outbound.fetch import Outbound
from auth_server.protocol.directory import Directory
from auth_server.protocol.errors import KeyUnavailable
from auth_server.protocol.refresh import RefreshPolicy
from auth_server.rate_limits.guesses import GuessLimits
from auth_server.resources.service import Resources
from auth_server.revocation.feed import Feed
from auth_server.roles.service import Roles
from auth_server.services.browsers import BrowserFlow
from auth_server.services.correspondence import Correspondence
from auth_server.services.other_grants import OtherGrants
from auth_server.services.restoring import Restoring
from auth_server.sessions.service import Sessions
from auth_server.settings import Settings
from auth_server.signals.streams import Streams
from auth_server.store.freshness import Freshness, Remembered
from auth_server.store.store import Store
from auth_server.telemetry.metrics import Metrics
from auth_server.tokens.families import Families, MacKeys
from auth_server.tokens.issuer import TokenIssuer
from auth_server.tokens.standing import Standing
from auth_server.web.page_kit import PageKit

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
    standing: Standing
    clients: Clients
    resources: Resources
    roles: Roles
    role_permissions: Remembered[None, Mapping[str, frozenset[str]]]
    sessions: Sessions
    consents: Consents
    guess_limits: GuessLimits
    password_pool: PasswordPool
    registration: Registration
    administration: Administration
    login: Login
    health: Health
    metrics: Metrics
    outbound: Outbound
    restoring: Restoring
    other_grants: OtherGrants
    correspondence: Correspondence
    page_kit: PageKit
    browser_flow: BrowserFlow
    signal_streams: Streams

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
        self.restoring.journal.begin(self.store.clock.now_ms())
        await note_missed(self.store, self.restoring.journal)
        await self.freshness.poll()
        try:
            await self.rings.initialise()
            await self.load_secrets()
        except KeyUnavailable as error:
            # The public keys are still published, so nobody rejects a valid token meanwhile; readiness says what is wrong.
            _LOG.error("keys unavailable", extra={"fields": {"error": str(error)}})
        await self.keyring.refresh()
        for warning in self.keyring.warnings():
            _LOG.warning("%s", warning)
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
        pages = await self.server_secrets.load(PAGES)
        self.correspondence.use_key(pages.current)
        self.page_kit.csrf.use_key(pages.current)

    def close(self) -> None:
        """Let go of threads, keys and connections."""
        self.password_pool.close()
        self.keyring.close()
        self.store.close()
