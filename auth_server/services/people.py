"""Everything about people: accounts, passwords, sessions, roles."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from auth_server.accounts.administration import Administration
from auth_server.accounts.login import Login
from auth_server.accounts.password_pool import PasswordPool
from auth_server.accounts.passwords import Argon2Cost, Passwords
from auth_server.accounts.registration import Registration
from auth_server.clients.service import Clients
from auth_server.consent.service import Consents
from auth_server.rate_limits.guesses import GuessLimits, GuessPolicy
from auth_server.resources.service import Resources
from auth_server.roles.service import Roles
from auth_server.services.correspondence import build_correspondence, open_postbox
from auth_server.services.ground import Ground
from auth_server.services.other_grants import build_other_grants
from auth_server.services.pages import build_page_kit
from auth_server.services.services import Services
from auth_server.sessions.service import Sessions
from auth_server.store.freshness import Remembered


def with_people(
    ground: Ground, argon2: Argon2Cost | None, guesses: GuessPolicy | None, clients: Clients, resources: Resources
) -> Callable[..., Services]:
    """Return `Services` with everything about people filled in."""
    settings, store, feed = ground.settings, ground.store, ground.feed
    pool = PasswordPool()
    passwords = Passwords(pool, issuer=settings.issuer, cost=argon2)
    limits = GuessLimits(policy=guesses)
    sessions = Sessions(store=store, feed=feed, idle_lifetime=settings.session_idle_lifetime, lifetime=settings.session_lifetime)
    postbox = open_postbox(ground, limits)
    administration = Administration(store=store, passwords=passwords, limits=limits, feed=feed, letters=postbox.letters)
    return partial(
        Services,
        roles=Roles(store=store, feed=feed),
        role_permissions=Remembered(store, ground.freshness, lambda tx, _: tx.roles.all()),
        sessions=sessions,
        consents=Consents(store=store, feed=feed),
        guess_limits=limits,
        other_grants=build_other_grants(ground, limits, clients, resources),
        password_pool=pool,
        registration=Registration(
            store=store,
            passwords=passwords,
            mode=settings.registration,
            verification=postbox.verification,
            domains=settings.registration_domains,
        ),
        administration=administration,
        page_kit=build_page_kit(settings),
        correspondence=build_correspondence(ground, postbox, passwords=passwords, administration=administration),
        login=Login(store=store, passwords=passwords, limits=limits, sessions=sessions),
    )
