"""A device asks whether it was approved, and redeems the approval once (RFC 8628 section 3.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from auth_server.clients.metadata import DEVICE_CODE
from auth_server.devices.service import digest
from auth_server.grants.contract import Collaborators, Grant, Outlives
from auth_server.protocol.authorization import Authorization, Identity, SignIn, Spend, SpendKind, StartFamily
from auth_server.protocol.client import Client
from auth_server.protocol.directory import Directory
from auth_server.protocol.errors import (
    AccessDenied,
    AuthorizationPending,
    ExpiredToken,
    InvalidGrant,
    InvalidScope,
    InvalidTarget,
    OAuthError,
    PollTooFast,
)
from auth_server.protocol.form import Form
from auth_server.protocol.people import permissions_of_roles, visible_to
from auth_server.protocol.polling import SLOWER_SECONDS, Poll, judge
from auth_server.protocol.resource import Resource, choose_audience, issuer_as_resource, names
from auth_server.protocol.scope import OPENID, UNOWNED, grant_scope, may_go_offline
from auth_server.protocol.user_claims import declared_by
from auth_server.store.device_codes import Approver, Device
from auth_server.store.transaction import Transaction
from auth_server.web.request_facts import RequestFacts

_REFUSED = "the device code is unknown, used, or another client's"


@dataclass(frozen=True, slots=True)
class DeviceCodeRequest:
    """The parameters of the grant; the code by its digest alone. `scope` and `resource` may only narrow what the device asked for."""

    device_digest: bytes = field(repr=False)
    scope: frozenset[str] | None
    resource: str | None


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """A device of this client, and what its approval is worth now."""

    device: Device
    account_live: bool
    session_live: bool
    roles: frozenset[str]
    now_ms: int
    person: Mapping[str, Any] = field(default_factory=dict, repr=False)


class DeviceCodeGrant(Grant[DeviceCodeRequest, DeviceFacts | None]):
    """Decides what a poll hears. The same policy as any other grant: the client's scopes, the person's permissions, both of today."""

    grant_type = DEVICE_CODE

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    @classmethod
    def build(cls, collaborators: Collaborators) -> Self:
        """Make the member of the registry."""
        return cls(collaborators.issuer)

    def parse(self, form: Form) -> DeviceCodeRequest:
        """Read `device_code`, and `scope` and `resource` where a device repeats them."""
        return DeviceCodeRequest(digest(form.required("device_code")), form.scope(), form.optional("resource"))

    def load(self, request: DeviceCodeRequest, client: Client, tx: Transaction) -> DeviceFacts | None:
        """Read the device and, when it was approved, the person and the session behind that."""
        device = tx.device_codes.find(request.device_digest)
        if device is None or device.client_id != client.client_id:
            return None
        approver = device.approver
        if approver is None:
            return DeviceFacts(device, False, False, frozenset(), tx.now_ms())
        account = tx.accounts.find(approver.sub)
        return DeviceFacts(
            device,
            account_live=account is not None and not account.is_disabled,
            session_live=tx.sessions.find_live(approver.sid) is not None,
            roles=tx.roles.of(approver.sub),
            now_ms=tx.now_ms(),
            person=tx.account_claims.known_of(approver.sub) or {},
        )

    def decide(
        self, request: DeviceCodeRequest, facts: DeviceFacts | None, client: Client, directory: Directory, now_ms: int
    ) -> Authorization:
        """Wait, refuse, or conclude."""
        if facts is None:
            raise InvalidGrant(_REFUSED, detail="no such device code of this client")
        device = facts.device
        verdict = judge(
            approved=device.approved,
            spent_at=device.spent_at,
            expires_at=device.expires_at,
            polled_at=device.polled_at,
            interval_ms=device.interval_ms,
            now_ms=facts.now_ms,
        )
        if verdict in _WAITING:
            raise _Polled(device, client, refusal_of(verdict))
        if verdict is not Poll.REDEEM:
            raise refusal_of(verdict)
        if device.approver is None or not facts.account_live or not facts.session_live:
            raise InvalidGrant(_REFUSED, detail="the account is disabled, or the session behind the approval ended")
        return self._conclude(request, facts, device.approver, client, directory)

    def _conclude(
        self, request: DeviceCodeRequest, facts: DeviceFacts, approver: Approver, client: Client, directory: Directory
    ) -> Authorization:
        device = facts.device
        resource = target_of(device.scope, device.resource, client, directory, self._issuer)
        if request.resource is not None and not names(request.resource, resource.identifier):
            raise InvalidTarget("the device was approved for another resource")
        asked = device.scope if request.scope is None else _narrowed(request.scope, device.scope)
        scope = grant_scope(asked, client, resource, permissions_of_roles(facts.roles, directory.permissions_of))
        if asked and not scope:
            raise InvalidScope("none of it can be granted to this person")
        visible = visible_to(resource, facts.roles, directory.permissions_of)
        sid = None if may_go_offline(asked, client) else approver.sid
        is_openid = OPENID in scope
        return Authorization(
            client=client,
            subject=approver.sub,
            resource=resource,
            scope=scope,
            sign_in=SignIn(approver.auth_time, approver.acr, approver.amr, sid),
            roles=visible.roles,
            entitlements=visible.permissions,
            settlement=StartFamily(sid) if client.may_use("refresh_token") else None,
            spends=(Spend(SpendKind.DEVICE_CODE, device.device_digest),),
            for_issuer=is_openid and device.resource is None,
            identity=Identity(sid=approver.sid) if is_openid else None,
            extra_claims=declared_by(facts.person, resource.claims),
        )


def target_of(scope: frozenset[str] | None, resource: str | None, client: Client, directory: Directory, issuer: str) -> Resource:
    """Return what a device asks for: a resource, or the issuer's own userinfo when it only wants to know who its person is.

    Raises:
        InvalidTarget: no such resource for this client, or it was left open.
    """
    owned = None if scope is None else scope - UNOWNED
    if resource is None and scope is not None and not owned and OPENID in scope:
        return issuer_as_resource(issuer)
    return choose_audience(resource, owned, client, directory.resources, client.default_resource)


_WAITING: Final = frozenset({Poll.PENDING, Poll.SLOW_DOWN})


def refusal_of(verdict: Poll) -> OAuthError:
    """Return what a device hears that is not let in."""
    match verdict:
        case Poll.PENDING:
            return AuthorizationPending("nobody has approved this device yet")
        case Poll.SLOW_DOWN:
            return PollTooFast("polled too soon; wait five seconds more from now on")
        case Poll.DENIED:
            return AccessDenied("the person turned the device away")
        case Poll.EXPIRED:
            return ExpiredToken("the device code expired; begin again")
        case _:
            return InvalidGrant(_REFUSED, detail="used before")


def _narrowed(asked: frozenset[str], approved: frozenset[str] | None) -> frozenset[str]:
    narrowed = asked if approved is None else asked & approved
    if not narrowed:
        raise InvalidScope("none of it was approved")
    return narrowed


class _Polled(Outlives):
    """Whatever the device hears, that it asked is noted: the next poll is measured from now."""

    def __init__(self, device: Device, client: Client, refusal: OAuthError) -> None:
        super().__init__(refusal)
        self._device = device
        self._client = client

    def aftermath(self, tx: Transaction, facts: RequestFacts) -> None:
        """Count the poll."""
        tx.device_codes.poll(self._device.device_digest, self._client.client_id, slower_ms=SLOWER_SECONDS * 1000)
