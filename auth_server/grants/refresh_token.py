"""A refresh token is presented (RFC 6749 section 6, RFC 9700 section 4.14). The rules stand in `protocol/refresh.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from auth_server.grants.contract import Collaborators, Grant, Outlives
from auth_server.protocol import claims_request
from auth_server.protocol.authorization import Authorization, Identity, SignIn, UseFamily
from auth_server.protocol.client import Client
from auth_server.protocol.directory import Directory
from auth_server.protocol.errors import InvalidScope, InvalidTarget, OAuthError
from auth_server.protocol.form import Form
from auth_server.protocol.people import permissions_of_roles, visible_to
from auth_server.protocol.refresh import Family, RefreshPolicy, RefreshToken, Step, classify, is_live, refused
from auth_server.protocol.resource import names, resource_of_grant
from auth_server.protocol.scope import OFFLINE_ACCESS, OPENID, granted_today
from auth_server.protocol.user_claims import declared_by, released_by_name
from auth_server.store.refresh_tokens import FamilyFacts
from auth_server.store.transaction import Transaction
from auth_server.tokens.families import Families, too_many_replays
from auth_server.web.request_facts import RequestFacts


@dataclass(frozen=True, slots=True)
class RefreshRequest:
    """The parameters of the grant; the token is genuine, and that is all that is known of it."""

    token: RefreshToken
    scope: frozenset[str] | None
    resource: str | None


class RefreshTokenGrant(Grant[RefreshRequest, FamilyFacts | None]):
    """Decides what presenting a refresh token means, and for what the new access token is."""

    grant_type = "refresh_token"

    def __init__(self, families: Families, policy: RefreshPolicy, issuer: str = "") -> None:
        self._families = families
        self._policy = policy
        self._issuer = issuer

    @classmethod
    def build(cls, collaborators: Collaborators) -> Self:
        """Make the member of the registry."""
        return cls(collaborators.families, collaborators.refresh_policy, collaborators.issuer)

    def parse(self, form: Form) -> RefreshRequest:
        """Read `refresh_token`, `scope` and `resource`; noise is refused here, without a look at the database."""
        return RefreshRequest(self._families.read(form.required("refresh_token")), form.scope(), form.optional("resource"))

    def load(self, request: RefreshRequest, client: Client, tx: Transaction) -> FamilyFacts | None:
        """Read the family, its account, session and roles: one statement."""
        return self._families.load(tx, request.token, client.client_id)

    def decide(
        self, request: RefreshRequest, facts: FamilyFacts | None, client: Client, directory: Directory, now_ms: int
    ) -> Authorization:
        """Classify the token, then cut scope, roles and permissions to what holds today."""
        if facts is None:
            raise refused("no such family of this client")
        step = self._classify(request, facts, client)
        if request.resource is not None and not names(request.resource, facts.family.resource):
            raise InvalidTarget("the grant is for another resource")
        return self._conclude(request, facts, step, client, directory)

    def _classify(self, request: RefreshRequest, facts: FamilyFacts, client: Client) -> Step:
        """Return what presenting the token means, where it means that tokens are answered."""
        family = facts.family
        if fault := _why_over(facts):
            raise refused(fault)
        step = classify(request.token, family, client, self._policy, facts.now_ms)
        if step is Step.REFUSE:
            raise refused("right generation, other secret")
        if step in _AFTERMATHS:
            raise _AFTERMATHS[step](self._families, family, client)
        return step

    def _conclude(
        self, request: RefreshRequest, facts: FamilyFacts, step: Step, client: Client, directory: Directory
    ) -> Authorization:
        family = facts.family
        resource = resource_of_grant(family.resource, client, directory.resources, self._issuer)
        permissions = permissions_of_roles(facts.roles, directory.permissions_of)
        scope = granted_today(_scope(request, family), client, resource, permissions)
        visible = visible_to(resource, facts.roles, directory.permissions_of)
        return Authorization(
            client=client,
            subject=family.subject,
            account=family.sub,
            resource=resource,
            scope=scope,
            sign_in=SignIn(family.auth_time, family.acr, family.amr, family.sid),
            roles=visible.roles,
            entitlements=visible.permissions,
            grant_id=family.grant_id,
            for_issuer=family.for_issuer and OPENID in scope,
            identity=_identity(family, facts, scope),
            extra_claims=declared_by(facts.person, resource.claims),
            settlement=_use(request.token, family, step),
        )


def _use(token: RefreshToken, family: Family, step: Step) -> UseFamily:
    return UseFamily(
        family_id=family.id,
        seq=token.seq,
        step=step,
        presented=token.text,
        digest=token.digest,
        writes=not (step is Step.REPEAT and family.cur_seen),
        is_bound=family.is_bound,
    )


def _why_over(facts: FamilyFacts) -> str | None:
    if facts.family.revoked_at is not None:
        return "the family was revoked"
    if not is_live(facts.family, facts.now_ms):
        return "the family is over its lifetime"
    if facts.family.is_bound:
        # No way of proving a key reaches this grant yet; a bound token without its proof is nobody's.
        return "the key that the family is bound to was not proved"
    if not facts.account_live:
        return "the account is disabled"
    return None if facts.session_live else "the session is over"


def _identity(family: Family, facts: FamilyFacts, scope: frozenset[str]) -> Identity | None:
    """Return what a renewed ID token tells: the same sign-in, no nonce (OpenID Connect Core section 12.2)."""
    if OPENID not in scope:
        return None
    asked = claims_request.parse(family.claims).id_token
    return Identity(sid=family.sid, claims=released_by_name(facts.person, asked, scope))


def _scope(request: RefreshRequest, family: Family) -> frozenset[str]:
    """Never more than was granted (RFC 6749 section 6); a narrower one holds for this access token alone."""
    asked = request.scope or frozenset()
    if family.sid is None and OFFLINE_ACCESS not in family.scope:
        # It outlives the session because `offline_access` was granted, which belongs to no resource; clients repeat it.
        asked -= {OFFLINE_ACCESS}
    if not asked <= family.scope:
        raise InvalidScope("wider than what was granted")
    return asked or family.scope


class _OfFamily(Outlives):
    """A refusal with an aftermath for one family."""

    def __init__(self, families: Families, family: Family, client: Client, refusal: OAuthError) -> None:
        super().__init__(refusal)
        self._families = families
        self._family = family
        self._client = client


class _Reused(_OfFamily):
    def __init__(self, families: Families, family: Family, client: Client) -> None:
        super().__init__(families, family, client, refused("reused; the family ends"))

    def aftermath(self, tx: Transaction, facts: RequestFacts) -> None:
        """End the family."""
        self._families.end_by_reuse(tx, self._family.id, facts)


class _Ahead(_OfFamily):
    def __init__(self, families: Families, family: Family, client: Client) -> None:
        super().__init__(families, family, client, refused("genuine and ahead of its row: the database was rolled back"))

    def aftermath(self, tx: Transaction, facts: RequestFacts) -> None:
        """Raise the alarm."""
        self._families.tell_rollback(tx, self._family, facts)


class _TooOften(_OfFamily):
    def __init__(self, families: Families, family: Family, client: Client) -> None:
        super().__init__(families, family, client, too_many_replays())

    def aftermath(self, tx: Transaction, facts: RequestFacts) -> None:
        """Tell of it."""
        self._families.tell_throttled(tx, self._family.id, self._client.client_id, facts)


class _Suspicious(_OfFamily):
    def __init__(self, families: Families, family: Family, client: Client) -> None:
        super().__init__(families, family, client, refused("replayed in too many generations on end; by policy the family ends"))

    def aftermath(self, tx: Transaction, facts: RequestFacts) -> None:
        """End the family."""
        self._families.end_suspicious(tx, self._family, facts)


_AFTERMATHS = {Step.REUSE: _Reused, Step.AHEAD: _Ahead, Step.SLOW_DOWN: _TooOften, Step.SUSPICIOUS: _Suspicious}
