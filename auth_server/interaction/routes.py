"""Connects this floor with the services; the pages are listed here."""

from __future__ import annotations

from auth_server.interaction.account_page import EmailPage, ProfilePage
from auth_server.interaction.account_security_page import ActivityPage, AppsPage, PasswordPage, SessionsPage
from auth_server.interaction.asset_page import Asset, ChangePassword
from auth_server.interaction.choose_page import ChoosePage
from auth_server.interaction.consent_page import ConsentPage
from auth_server.interaction.device_page import DeviceApprovedPage, DeviceConfirmPage, DeviceDeniedPage, DevicePage
from auth_server.interaction.forgot_page import ForgotPage, ForgotSentPage
from auth_server.interaction.login_page import ConfirmPage, LoginPage, SignInTools
from auth_server.interaction.logout import SignOuts
from auth_server.interaction.own_account import OwnAccount
from auth_server.interaction.recovery_page import ResetDonePage, ResetPage, SecurePage
from auth_server.interaction.registration_page import RegistrationPage
from auth_server.interaction.service import Interactions
from auth_server.interaction.sign_out_page import SignOutPage
from auth_server.interaction.standing_page import SignedInPage, SignedOutPage
from auth_server.interaction.step_page import StartAgain
from auth_server.interaction.verification_page import NewAddressPage, OldAddressPage, VerificationPage, VerificationSentPage
from auth_server.services import Services
from auth_server.web.door import Door


def interactions_of(services: Services) -> Interactions:
    """Return the keeper of waiting authorization requests."""
    return Interactions(store=services.store, clients=services.clients, directory=services.directory)


def sign_outs_of(services: Services) -> SignOuts:
    """Return what signs people out of a browser."""
    return SignOuts(
        store=services.store,
        clients=services.clients,
        sessions=services.sessions,
        verifier=services.browser_flow.verifier,
        issuer=services.settings.issuer,
    )


def own_account_of(services: Services) -> OwnAccount:
    """Return what people may do with their own accounts."""
    return OwnAccount(
        store=services.store,
        sessions=services.sessions,
        consents=services.consents,
        clients=services.clients,
        letters=services.correspondence.letters,
        login=services.login,
        administration=services.administration,
        directory=services.directory,
    )


def all_pages(services: Services) -> tuple[Door, ...]:
    """Return every page, and what pages refer to."""
    assets = services.page_kit.pages.assets()
    return (
        *_sign_in(services),
        *_mail_links(services),
        *_devices(services),
        *_account(services),
        SignOutPage(
            services.page_kit,
            sign_outs_of(services),
            store=services.store,
            session_lifetime=services.settings.session_lifetime,
        ),
        SignedInPage(services.page_kit, services.sessions),
        SignedOutPage(services.page_kit),
        ChangePassword(),
        *(Asset(path, response) for path, response in assets.items()),
    )


def _sign_in(services: Services) -> tuple[Door, ...]:
    kit, settings, interactions = services.page_kit, services.settings, interactions_of(services)
    tools = SignInTools(
        login=services.login,
        sessions=services.sessions,
        store=services.store,
        registration=services.registration.mode,
        session_lifetime=settings.session_lifetime,
    )
    registration = RegistrationPage(
        kit, interactions, tools, services.registration, terms_url=settings.terms_url, privacy_url=settings.privacy_url
    )
    return (
        LoginPage(kit, interactions, tools),
        ConfirmPage(kit, interactions, tools),
        ChoosePage(kit, interactions, tools),
        registration,
        ConsentPage(kit, interactions),
        StartAgain(kit, interactions),
    )


def _mail_links(services: Services) -> tuple[Door, ...]:
    kit, mail, interactions = services.page_kit, services.correspondence, interactions_of(services)
    sent = VerificationSentPage(kit, interactions, mail.verification, store=services.store, sessions=services.sessions)
    return (
        ForgotPage(kit, interactions, mail.recovery),
        ForgotSentPage(kit, interactions, mail.recovery),
        ResetPage(kit, interactions, mail.recovery),
        ResetDonePage(kit, interactions, mail.recovery),
        SecurePage(kit, interactions, mail.recovery),
        sent,
        VerificationPage(kit, interactions, mail.verification),
        NewAddressPage(kit, interactions, mail.verification),
        OldAddressPage(kit, interactions, mail.verification),
    )


def _devices(services: Services) -> tuple[Door, ...]:
    kit, devices = services.page_kit, services.other_grants.devices
    sessions, store, clients, directory = services.sessions, services.store, services.clients, services.directory
    return (
        DevicePage(kit, devices=devices, sessions=sessions, store=store, clients=clients, directory=directory),
        DeviceConfirmPage(kit, devices=devices, sessions=sessions, store=store, clients=clients, directory=directory),
        DeviceApprovedPage(kit),
        DeviceDeniedPage(kit),
    )


def _account(services: Services) -> tuple[Door, ...]:
    kit, own, mail = services.page_kit, own_account_of(services), services.correspondence
    return (
        ProfilePage(kit, own, mail.verification),
        EmailPage(kit, own, mail.verification),
        PasswordPage(kit, own, session_lifetime=services.settings.session_lifetime),
        SessionsPage(kit, own),
        AppsPage(kit, own),
        ActivityPage(kit, own, mail.recovery),
    )
