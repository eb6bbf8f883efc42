"""The jobs there are."""

from __future__ import annotations

from auth_server.jobs.collect_clients import CollectClients
from auth_server.jobs.contract import Job
from auth_server.jobs.deliver_logout_tokens import DeliverLogoutTokens
from auth_server.jobs.deliver_mail import DeliverMail
from auth_server.jobs.deliver_signals import DeliverSignals
from auth_server.jobs.follow import FollowClock, FollowDirectory, FollowRevocations, FollowSecrets
from auth_server.jobs.purge_expired import PurgeExpired, all_purges
from auth_server.jobs.rotate_keys import RotateKeys
from auth_server.services import Services


def all_jobs(services: Services) -> list[Job]:
    """Return every job."""
    settings = services.settings
    return [
        RotateKeys(rings=services.rings, keyring=services.keyring, timings=settings.key_policy),
        FollowDirectory(services.freshness),
        FollowRevocations(services.standing),
        FollowClock(services.store),
        CollectClients(services.other_grants.registrations),
        FollowSecrets(services.load_secrets),
        DeliverMail(store=services.store, writer=services.correspondence.writer, mailer=services.correspondence.mailer),
        DeliverLogoutTokens(
            store=services.store,
            signer=services.keyring,
            post=services.outbound.post_form,
            alg_of=services.clients.alg_of,
            issuer=settings.issuer,
        ),
        *_signals(services),
        PurgeExpired(store=services.store, purges=all_purges(services.refresh_policy)),
    ]


def _signals(services: Services) -> list[Job]:
    if not services.settings.shared_signals:
        return []
    return [DeliverSignals(store=services.store, streams=services.signal_streams, post=services.outbound.post)]
