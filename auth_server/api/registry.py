"""The doors of the first-party API and of the process itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from auth_server.api.api_docs_page import ApiDocsPage
from auth_server.api.callers import Callers, OwnTokens
from auth_server.api.health import Healthy, Live, MetricsDoor, Ready, Version, Welcome
from auth_server.api.login import LoginDoor
from auth_server.api.logout import LogoutDoor
from auth_server.api.me import MeDoor, OwnConsentDoor, OwnConsentsDoor, OwnPasswordDoor, OwnSessionDoor, OwnSessionsDoor
from auth_server.api.openapi import OpenApiDoor
from auth_server.api.refresh import RefreshDoor
from auth_server.api.registration import RegistrationDoor
from auth_server.api.token_cookies import TokenCookies
from auth_server.grants.redemption import Redemption
from auth_server.grants.refresh_token import RefreshTokenGrant
from auth_server.interaction.routes import own_account_of
from auth_server.protocol.resource import issuer_as_resource
from auth_server.services import Services
from auth_server.web.cookies import CookieJar
from auth_server.web.door import Door
from auth_server.web.own_pages import OwnPages


def all_doors(services: Services) -> tuple[Door, ...]:
    """Return the doors people's software knocks at."""
    return (
        *_cookie_doors(services),
        *_own_doors(services),
        RegistrationDoor(services.registration),
        Welcome(services.settings.issuer),
    )


def _own_doors(services: Services) -> tuple[Door, ...]:
    """Return the doors of people's own accounts."""
    own, kit = own_account_of(services), services.page_kit
    tokens = OwnTokens(services.browser_flow.verifier, services.settings.issuer, services.clients.find)
    callers = Callers(jar=kit.jar, csrf=kit.csrf, sessions=services.sessions, tokens=tokens)
    doors = (MeDoor, OwnPasswordDoor, OwnSessionsDoor, OwnSessionDoor, OwnConsentsDoor, OwnConsentDoor)
    return tuple(door(callers, own) for door in doors)


def _cookie_doors(services: Services) -> tuple[Door, ...]:
    """Return the doors of the seed flow, in either transport."""
    settings, directory = services.settings, services.directory
    jar = CookieJar(settings.issuer.startswith("https:"))
    cookies, pages = TokenCookies(jar, settings.refresh_lifetime), OwnPages(settings.cookie_origins)
    login = LoginDoor(
        login=services.login,
        issuer=services.token_issuer,
        directory=directory,
        default_resource=settings.default_resource,
        cookies=jar,
        token_cookies=cookies,
        pages=pages,
        own_resource=issuer_as_resource(settings.issuer),
    )
    refresh = RefreshDoor(
        grant=RefreshTokenGrant(services.families, services.refresh_policy),
        redemption=Redemption(
            directory=directory, issuer=services.token_issuer, store=services.store, fetch=services.outbound.document
        ),
        cookies=cookies,
        pages=pages,
    )
    logout = LogoutDoor(
        store=services.store, families=services.families, sessions=services.sessions, cookies=cookies, pages=pages
    )
    return login, refresh, logout


def management_doors(services: Services) -> tuple[Door, ...]:
    """Return the doors a platform knocks at; they may listen on a port of their own."""
    return (Live(), Ready(services.health), Healthy(services.health), Version(), MetricsDoor(services.metrics))


def description_doors(services: Services, served: Callable[[], Iterable[Door]]) -> tuple[Door, ...]:
    """Return the doors that describe all others; `served` names those once they are known."""
    kit = services.page_kit
    return OpenApiDoor(services.settings.issuer, kit.jar, served), ApiDocsPage(kit, served)
