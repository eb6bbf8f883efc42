"""Everything about grants that need no browser of the client's own: devices, assertions, exchange, registration."""

from __future__ import annotations

from dataclasses import dataclass

from auth_server.clients.assertions import ClientAssertions
from auth_server.clients.metadata_documents import MetadataDocuments
from auth_server.clients.registrations import Registrations
from auth_server.clients.service import Clients
from auth_server.clients.uses import ClientUses
from auth_server.devices.service import Devices
from auth_server.rate_limits.client_guesses import ClientGuesses
from auth_server.rate_limits.guesses import GuessLimits
from auth_server.rate_limits.user_codes import UserCodeLimits
from auth_server.resources.service import Resources
from auth_server.services.ground import Ground


@dataclass(frozen=True, slots=True)
class OtherGrants:
    """The collaborators of these grants."""

    devices: Devices
    assertions: ClientAssertions
    client_guesses: ClientGuesses
    client_uses: ClientUses
    registrations: Registrations


def build_other_grants(ground: Ground, limits: GuessLimits, clients: Clients, resources: Resources) -> OtherGrants:
    """Connect them."""
    settings, store = ground.settings, ground.store
    if settings.client_id_metadata:
        documents = MetadataDocuments(outbound=ground.outbound, resources=resources.all, algorithms=settings.signing_algorithms)
        clients.find_elsewhere = documents.find
    return OtherGrants(
        devices=Devices(store=store, limits=UserCodeLimits(limits), lifetime=settings.device_code_lifetime),
        assertions=ClientAssertions(settings.issuer, ground.outbound),
        client_guesses=ClientGuesses(store, limits),
        client_uses=ClientUses(store),
        registrations=Registrations(
            store=store,
            clients=clients,
            keys=limits,
            resources=resources.all,
            algorithms=settings.signing_algorithms,
            needs_token=settings.dynamic_registration != "open",
            unused_after=settings.registration_unused_after,
        ),
    )
