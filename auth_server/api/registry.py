"""The doors of the first-party API and of the process itself."""

from __future__ import annotations

from auth_server.api.health import Healthy, Live, MetricsDoor, Ready, Version, Welcome
from auth_server.api.login import LoginDoor
from auth_server.api.registration import RegistrationDoor
from auth_server.services import Services
from auth_server.web.cookies import CookieJar
from auth_server.web.door import Door


def all_doors(services: Services) -> tuple[Door, ...]:
    """Return the doors people's software knocks at."""
    return (
        LoginDoor(
            login=services.login,
            issuer=services.token_issuer,
            directory=services.directory,
            default_resource=services.settings.default_resource,
            cookies=CookieJar(services.settings.issuer.startswith("https:")),
        ),
        RegistrationDoor(services.registration),
        Welcome(services.settings.issuer),
    )


def management_doors(services: Services) -> tuple[Door, ...]:
    """Return the doors a platform knocks at; they may listen on a port of their own."""
    return (Live(), Ready(services.health), Healthy(services.health), Version(), MetricsDoor(services.metrics))
