"""The endpoints: the `..._endpoint` keys of the metadata document."""

from __future__ import annotations

from collections.abc import Iterator

from auth_server.client_auth.authenticate import Around, Authenticator
from auth_server.client_auth.contract import Collaborators as AuthCollaborators
from auth_server.client_auth.registry import AUTH_METHODS, all_methods
from auth_server.clients.metadata import RegistrationRules
from auth_server.endpoints.authorize import AuthorizationEndpoint
from auth_server.endpoints.contract import Endpoint
from auth_server.endpoints.device_authorization import DeviceAuthorizationEndpoint
from auth_server.endpoints.discovery import AuthorizationServerMetadata, OpenidConfiguration
from auth_server.endpoints.end_session import EndSessionEndpoint
from auth_server.endpoints.introspect import IntrospectionEndpoint
from auth_server.endpoints.jwks import JwksEndpoint
from auth_server.endpoints.pushed_authorization_request import PushedAuthorizationRequestEndpoint
from auth_server.endpoints.register import ClientConfigurationEndpoint, RegistrationEndpoint
from auth_server.endpoints.revocation_feed import ForResources, RevocationFeedEndpoint
from auth_server.endpoints.revoke import RevocationEndpoint
from auth_server.endpoints.signal_poll import SignalPollEndpoint
from auth_server.endpoints.signal_streams import (
    Receivers,
    SsfConfiguration,
    StreamConfigurationEndpoint,
    StreamStatusEndpoint,
    StreamVerificationEndpoint,
)
from auth_server.endpoints.status_lists import StatusListEndpoint
from auth_server.endpoints.token import TokenEndpoint
from auth_server.endpoints.userinfo import UserinfoEndpoint
from auth_server.grants.contract import Collaborators
from auth_server.grants.redemption import Redemption
from auth_server.grants.registry import GRANT_TYPES, all_grants
from auth_server.interaction.checking import RequestChecks
from auth_server.interaction.routes import interactions_of, sign_outs_of
from auth_server.protocol.assertion import Used
from auth_server.revocation.watch import FeedWatch
from auth_server.services import Services
from auth_server.tokens.introspection import Introspection


def all_endpoints(services: Services) -> tuple[Endpoint, ...]:
    """Return every endpoint. The most used come first: routes are tried in order."""
    authenticator = _authenticator(services)
    members: tuple[Endpoint, ...] = (
        _token(services, authenticator),
        JwksEndpoint(services.keyring.jwks, services.settings.key_policy.jwks_max_age),
        _revocation_feed(services, authenticator),
        RevocationEndpoint(
            authenticator=authenticator,
            families=services.families,
            verifier=services.browser_flow.verifier,
            feed=services.feed,
            store=services.store,
        ),
        IntrospectionEndpoint(authenticator=authenticator, introspection=_introspection(services)),
        DeviceAuthorizationEndpoint(
            authenticator=authenticator,
            devices=services.other_grants.devices,
            directory=services.directory,
            issuer=services.settings.issuer,
        ),
        *_browser_endpoints(services, authenticator),
        *_switched_on(services, authenticator),
    )
    return (*members, *_metadata(services, members))


def _token(services: Services, authenticator: Authenticator) -> TokenEndpoint:
    settings, directory, store = services.settings, services.directory, services.store
    collaborators = Collaborators(
        services.families,
        services.refresh_policy,
        services.other_grants.assertions,
        services.browser_flow.verifier,
        settings.issuer,
    )
    return TokenEndpoint(
        authenticator=authenticator,
        grants=all_grants(collaborators, exchange=settings.token_exchange),
        redemption=Redemption(directory=directory, issuer=services.token_issuer, store=store, fetch=services.outbound.document),
    )


def _switched_on(services: Services, authenticator: Authenticator) -> Iterator[Endpoint]:
    """Yield the endpoints that are there because a setting says so."""
    settings = services.settings
    if settings.status_list:
        yield _status_lists(services)
    if settings.dynamic_registration != "off":
        registrations = services.other_grants.registrations
        yield RegistrationEndpoint(registrations, settings.issuer)
        yield ClientConfigurationEndpoint(registrations, settings.issuer)
    if settings.shared_signals:
        yield from _shared_signals(services, authenticator)


def _metadata(services: Services, members: tuple[Endpoint, ...]) -> Iterator[Endpoint]:
    settings, directory = services.settings, services.directory
    # Client ID metadata documents: what clients look for before they name themselves by a URL.
    more = {"client_id_metadata_document_supported": True} if settings.client_id_metadata else {}
    for document in (AuthorizationServerMetadata, OpenidConfiguration):
        yield document(issuer=settings.issuer, endpoints=members, directory=directory, key_policy=settings.key_policy, more=more)


def _shared_signals(services: Services, authenticator: Authenticator) -> tuple[Endpoint, ...]:
    streams, receivers = services.signal_streams, Receivers(authenticator)
    return (
        SignalPollEndpoint(streams, receivers, is_stopping=lambda: services.health.draining),
        StreamConfigurationEndpoint(streams, receivers),
        StreamStatusEndpoint(streams, receivers),
        StreamVerificationEndpoint(streams, receivers),
        SsfConfiguration(services.settings.issuer),
    )


def _introspection(services: Services) -> Introspection:
    return Introspection(
        verifier=services.browser_flow.verifier,
        families=services.families,
        policy=services.refresh_policy,
        store=services.store,
        issuer=services.settings.issuer,
    )


def _authenticator(services: Services) -> Authenticator:
    other, store = services.other_grants, services.store

    async def spend(use: Used) -> bool:
        return await store.run(lambda tx: tx.assertions.spend(use.digest, use.until))

    async def fetch(url: str, max_age: float, for_stranger: bool) -> None:
        await services.outbound.document(url, max_age, for_stranger=for_stranger)

    around = Around(other.client_guesses, fetch, spend, other.client_uses.note)
    methods = all_methods(AuthCollaborators(other.assertions))
    return Authenticator(methods, services.clients.find, services.clients.find_anew, store.clock, around)


def _browser_endpoints(services: Services, authenticator: Authenticator) -> tuple[Endpoint, ...]:
    settings, store, verifier = services.settings, services.store, services.browser_flow.verifier
    checks = RequestChecks(clients=services.clients, directory=services.directory, verifier=verifier)
    return (
        AuthorizationEndpoint(
            checks=checks,
            interactions=interactions_of(services),
            codes=services.browser_flow.codes,
            store=store,
            kit=services.page_kit,
            issuer=settings.issuer,
            algorithms=settings.signing_algorithms,
        ),
        PushedAuthorizationRequestEndpoint(authenticator=authenticator, checks=checks, store=store),
        UserinfoEndpoint(verifier=verifier, store=store, issuer=settings.issuer),
        EndSessionEndpoint(sign_outs=sign_outs_of(services), kit=services.page_kit, session_lifetime=settings.session_lifetime),
    )


def registration_rules() -> RegistrationRules:
    """Return what a client may be registered with: exactly what the registries offer."""
    return RegistrationRules(frozenset(GRANT_TYPES), frozenset(AUTH_METHODS))


def _revocation_feed(services: Services, authenticator: Authenticator) -> RevocationFeedEndpoint:
    keyring, settings = services.keyring, services.settings
    watch = FeedWatch(
        services.store,
        key_epoch=lambda: keyring.published().epoch,
        refresh_keys=keyring.refresh,
        is_stopping=lambda: services.health.draining,
        capacity=settings.revocation_feed_waiters,
    )
    services.metrics.add_gauge("revocation_feed_waiting", "readers that wait for news of the feed", lambda: watch.waiting)
    return RevocationFeedEndpoint(
        watch=watch,
        store=services.store,
        signer=keyring,
        issuer=settings.issuer,
        algorithms=settings.signing_algorithms,
        admit=ForResources(authenticator) if settings.revocation_feed_access == "resources" else None,
    )


def _status_lists(services: Services) -> StatusListEndpoint:
    keyring, settings = services.keyring, services.settings
    return StatusListEndpoint(
        store=services.store,
        signer=keyring,
        issuer=settings.issuer,
        policy=settings.key_policy,
        ttl=settings.status_list_ttl,
        key_epoch=lambda: keyring.published().epoch,
    )
