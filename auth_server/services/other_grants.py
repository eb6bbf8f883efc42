"""Everything about grants that need no browser of the client's own: devices, assertions, exchange, registration."""

from __future__ import annotations

from dataclasses import dataclass

from auth_server.clients.assertions import ClientAssertions
from auth_server.clients.uses import ClientUses
from auth_server.devices.service import Devices
from auth_server.rate_limits.client_guesses import ClientGuesses
from auth_server.rate_limits.guesses import GuessLimits
from auth_server.rate_limits.user_codes import UserCodeLimits
from auth_server.services.ground import Ground


@dataclass(frozen=True, slots=True)
class OtherGrants:
    """The collaborators of these grants."""

    devices: Devices
    assertions: ClientAssertions
    client_guesses: ClientGuesses
    client_uses: ClientUses


def build_other_grants(ground: Ground, limits: GuessLimits) -> OtherGrants:
    """Connect them."""
    settings, store = ground.settings, ground.store
    return OtherGrants(
        devices=Devices(store=store, limits=UserCodeLimits(limits), lifetime=settings.device_code_lifetime),
        assertions=ClientAssertions(settings.issuer, ground.outbound),
        client_guesses=ClientGuesses(store, limits),
        client_uses=ClientUses(store),
    )
