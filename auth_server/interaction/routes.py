"""Connects this floor with the services; the pages of the steps are listed here."""

from __future__ import annotations

from auth_server.interaction.service import Interactions
from auth_server.services import Services


def interactions_of(services: Services) -> Interactions:
    """Return the keeper of waiting authorization requests."""
    return Interactions(store=services.store, clients=services.clients, directory=services.directory)
