"""One unit of work: the aggregates, and what the unit leaves behind when it commits."""

from __future__ import annotations

from functools import cached_property

from sqlalchemy import Connection, select

from auth_server.clock import Clock
from auth_server.store.account_claims import ClaimsOfAccounts
from auth_server.store.accounts import Accounts
from auth_server.store.assertions import Assertions
from auth_server.store.attempts import Attempts
from auth_server.store.audit_events import AuditEvents, AuditRecord
from auth_server.store.authorization_codes import AuthorizationCodes
from auth_server.store.client_registrations import ClientRegistrations
from auth_server.store.clients import Clients
from auth_server.store.consents import Consents
from auth_server.store.credentials import Credentials
from auth_server.store.device_codes import DeviceCodes
from auth_server.store.directory import Directory
from auth_server.store.email_changes import EmailChanges
from auth_server.store.interactions import Interactions
from auth_server.store.key_incidents import KeyIncidents
from auth_server.store.logouts import Logouts
from auth_server.store.outbox import Outbox
from auth_server.store.pairwise_subjects import PairwiseSubjects
from auth_server.store.pushed_requests import PushedRequests
from auth_server.store.refresh_tokens import RefreshTokens
from auth_server.store.resources import Resources
from auth_server.store.revocations import Revocations
from auth_server.store.roles import Roles
from auth_server.store.schema import now_ms
from auth_server.store.server_secrets import ServerSecrets
from auth_server.store.sessions import Sessions
from auth_server.store.signals import Signals
from auth_server.store.signing_keys import SigningKeys
from auth_server.store.status_lists import StatusLists
from auth_server.store.tickets import Tickets
from shared.revocation import RevocationEntry


class Transaction:
    """What the function given to `Store.run` or `Store.read` works with. It ends with that function: never keep it.

    Each aggregate is a part of its own, made when first asked for. Audit events and feed entries are collected here and written last,
    in one go for all units that share a commit.
    """

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self.clock = clock
        self.audit_records: list[AuditRecord] = []
        self.revoked: list[RevocationEntry] = []
        self.directory_changed = False

    def now_ms(self) -> int:
        """Return the database's clock, milliseconds since the epoch."""
        return int(self._connection.execute(select(now_ms())).scalar_one())

    def record(self, record: AuditRecord) -> None:
        """Append an event to the audit log when this unit commits."""
        self.audit_records.append(record)

    def revoke(self, entry: RevocationEntry) -> None:
        """Append an entry to the revocation feed when this unit commits."""
        self.revoked.append(entry)

    def change_directory(self) -> None:
        """Say that clients, resources or roles changed, so that every process drops what it remembers of them."""
        self.directory_changed = True

    @cached_property
    def audit_events(self) -> AuditEvents:
        """The audit log, to read."""
        return AuditEvents(self._connection)

    @cached_property
    def revocations(self) -> Revocations:
        """The revocation feed, to read and to thin out."""
        return Revocations(self._connection)

    @cached_property
    def clients(self) -> Clients:
        """Registered clients."""
        return Clients(self._connection)

    @cached_property
    def client_registrations(self) -> ClientRegistrations:
        """Clients that registered themselves, and the tokens that let them."""
        return ClientRegistrations(self._connection)

    @cached_property
    def assertions(self) -> Assertions:
        """Assertions that were used."""
        return Assertions(self._connection)

    @cached_property
    def device_codes(self) -> DeviceCodes:
        """Devices that wait for a person's approval."""
        return DeviceCodes(self._connection)

    @cached_property
    def refresh_tokens(self) -> RefreshTokens:
        """Refresh families."""
        return RefreshTokens(self._connection)

    @cached_property
    def resources(self) -> Resources:
        """Protected resources."""
        return Resources(self._connection)

    @cached_property
    def directory(self) -> Directory:
        """The version of clients, resources and roles together."""
        return Directory(self._connection)

    @cached_property
    def key_incidents(self) -> KeyIncidents:
        """Signing keys when something went wrong."""
        return KeyIncidents(self._connection)

    @cached_property
    def server_secrets(self) -> ServerSecrets:
        """Secrets the server made for itself, sealed."""
        return ServerSecrets(self._connection)

    @cached_property
    def signing_keys(self) -> SigningKeys:
        """Signing keys and their rings."""
        return SigningKeys(self._connection)

    @cached_property
    def accounts(self) -> Accounts:
        """Accounts."""
        return Accounts(self._connection)

    @cached_property
    def attempts(self) -> Attempts:
        """Counters of guesses and rates."""
        return Attempts(self._connection)

    @cached_property
    def credentials(self) -> Credentials:
        """Password digests."""
        return Credentials(self._connection)

    @cached_property
    def status_lists(self) -> StatusLists:
        """Token status lists."""
        return StatusLists(self._connection)

    @cached_property
    def roles(self) -> Roles:
        """Roles, their permissions, and who has them."""
        return Roles(self._connection)

    @cached_property
    def sessions(self) -> Sessions:
        """Sign-in sessions."""
        return Sessions(self._connection)

    @cached_property
    def account_claims(self) -> ClaimsOfAccounts:
        """What accounts say of people."""
        return ClaimsOfAccounts(self._connection)

    @cached_property
    def authorization_codes(self) -> AuthorizationCodes:
        """Authorization codes."""
        return AuthorizationCodes(self._connection)

    @cached_property
    def consents(self) -> Consents:
        """What people allowed clients."""
        return Consents(self._connection)

    @cached_property
    def interactions(self) -> Interactions:
        """Authorization requests that wait for a person."""
        return Interactions(self._connection)

    @cached_property
    def logouts(self) -> Logouts:
        """Signing out, and who is to be told."""
        return Logouts(self._connection)

    @cached_property
    def pairwise_subjects(self) -> PairwiseSubjects:
        """Pairwise subjects."""
        return PairwiseSubjects(self._connection)

    @cached_property
    def pushed_requests(self) -> PushedRequests:
        """Pushed authorization requests."""
        return PushedRequests(self._connection)

    @cached_property
    def outbox(self) -> Outbox:
        """Mail that is to be sent."""
        return Outbox(self._connection)

    @cached_property
    def tickets(self) -> Tickets:
        """What links in mails stand for."""
        return Tickets(self._connection)

    @cached_property
    def email_changes(self) -> EmailChanges:
        """Changes of mail addresses under way."""
        return EmailChanges(self._connection)

    @cached_property
    def signals(self) -> Signals:
        """Streams of shared signals, and what each has still to be told."""
        return Signals(self._connection)
