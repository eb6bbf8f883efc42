"""An authorization code is redeemed (RFC 6749 section 4.1.3 with RFC 7636).

unknown, another client's, expired      refused, and nothing changes: a stranger cannot burn somebody's code
wrong redirect URI or verifier          the code is spent at once: one guess
spent already                           what it became ends, refresh tokens and access tokens alike
else                                    sign, then spend and store in one transaction, then answer
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final, Self

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.grants.contract import Collaborators, Grant, Outlives
from auth_server.protocol import claims_request
from auth_server.protocol.authorization import Authorization, Identity, RedeemCode, SignIn
from auth_server.protocol.client import Client
from auth_server.protocol.directory import Directory
from auth_server.protocol.errors import InvalidGrant, InvalidScope, InvalidTarget
from auth_server.protocol.form import Form
from auth_server.protocol.people import permissions_of_roles, visible_to
from auth_server.protocol.pkce import check_code_verifier
from auth_server.protocol.resource import Resource, names, resource_of_grant
from auth_server.protocol.scope import OFFLINE_ACCESS, OPENID, granted_today
from auth_server.protocol.user_claims import declared_by, released_by_name
from auth_server.store.authorization_codes import CodeFacts, NewCode
from auth_server.store.transaction import Transaction
from auth_server.tokens.families import Families
from auth_server.web.request_facts import RequestFacts

_REFUSED: Final = "the code is not valid for this request"
_MAX_CHARACTERS: Final = 256


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """The parameters of the grant."""

    digest: bytes = field(repr=False)
    redirect_uri: str | None
    code_verifier: str | None = field(repr=False)
    resource: str | None
    scope: frozenset[str] | None


class AuthorizationCode(Grant[CodeRequest, CodeFacts | None]):
    """Decides whether a code may be redeemed, and for what."""

    grant_type = "authorization_code"

    def __init__(self, families: Families, issuer: str) -> None:
        self._families = families
        self._issuer = issuer

    @classmethod
    def build(cls, collaborators: Collaborators) -> Self:
        """Make the member of the registry."""
        return cls(collaborators.families, collaborators.issuer)

    def parse(self, form: Form) -> CodeRequest:
        """Read `code`, `redirect_uri`, `code_verifier`, and `resource` and `scope` where a client repeats them."""
        code = form.required("code")
        if len(code) > _MAX_CHARACTERS:
            raise InvalidGrant(_REFUSED, detail="too long for a code")
        return CodeRequest(
            digest=digest_of(code),
            redirect_uri=form.optional("redirect_uri"),
            code_verifier=form.optional("code_verifier"),
            resource=form.optional("resource"),
            scope=form.scope(),
        )

    def load(self, request: CodeRequest, client: Client, tx: Transaction) -> CodeFacts | None:
        """Read the code with its account, session, roles and claims: one statement."""
        return tx.authorization_codes.load(request.digest, client.client_id)

    def decide(
        self, request: CodeRequest, facts: CodeFacts | None, client: Client, directory: Directory, now_ms: int
    ) -> Authorization:
        """Check the code, then cut scope, roles and permissions to what holds now."""
        if facts is None:
            raise InvalidGrant(_REFUSED, detail="no such code of this client")
        code = facts.code
        if facts.consumed_at is not None:
            raise _Replayed(self._families, facts, client)
        if facts.expires_at <= facts.now_ms or not facts.account_live or not facts.session_live:
            raise InvalidGrant(_REFUSED, detail="expired, or its account or session is")
        _check_binding(request, code)
        resource = resource_of_grant(code.resource, client, directory.resources, self._issuer)
        if request.resource is not None and not names(request.resource, resource.identifier):
            raise InvalidTarget("the code is for another resource")
        if request.scope is not None and not request.scope <= code.scope:
            # RFC 6749 knows no scope here. Some clients repeat it all the same; none may think that it got more.
            raise InvalidScope("wider than what was granted")
        return _conclude(request, facts, resource, client, directory)


def digest_of(code: str) -> bytes:
    """Return what is stored of a code: 256 random bits need no slow hash."""
    return hashlib.sha256(code.encode("utf-8")).digest()


def _check_binding(request: CodeRequest, code: NewCode) -> None:
    """Refuse an exchange by somebody who did not make the request, and spend the code.

    The redirect URI must be the one of the request where it named one (RFC 6749 section 4.1.3). OAuth 2.1 clients leave it out here:
    a code challenge binds the code to its client better than that.
    """
    left_out = request.redirect_uri is None and (not code.redirect_uri_sent or code.code_challenge is not None)
    if not left_out and request.redirect_uri != code.redirect_uri:
        raise _Spoiled(code, InvalidGrant(_REFUSED, detail="another redirect_uri"))
    try:
        check_code_verifier(request.code_verifier, code.code_challenge)
    except InvalidGrant as refusal:
        raise _Spoiled(code, refusal) from None


def _conclude(request: CodeRequest, facts: CodeFacts, resource: Resource, client: Client, directory: Directory) -> Authorization:
    """Return what the code is for, cut to what holds now."""
    code = facts.code
    permissions = permissions_of_roles(facts.roles, directory.permissions_of)
    scope = granted_today(code.scope, client, resource, permissions)
    visible = visible_to(resource, facts.roles, directory.permissions_of)
    sid = None if OFFLINE_ACCESS in scope else code.sid
    is_openid = OPENID in scope
    asked = claims_request.parse(code.claims).id_token
    return Authorization(
        client=client,
        subject=code.subject,
        account=code.sub,
        resource=resource,
        scope=scope,
        sign_in=SignIn(code.auth_time, code.acr, code.amr, sid),
        roles=visible.roles,
        entitlements=visible.permissions,
        settlement=RedeemCode(request.digest, client.may_use("refresh_token"), sid),
        # What only a resource can open is of no use at userinfo.
        for_issuer=is_openid and not code.resource_sent and resource.encryption_jwks_uri is None,
        identity=Identity(code.nonce, code.sid, released_by_name(facts.person, asked, scope)) if is_openid else None,
        extra_claims=declared_by(facts.person, resource.claims),
        claims_text=code.claims,
    )


class _Spoiled(Outlives):
    """The code was presented with a wrong proof: it is spent, so there is no second guess."""

    def __init__(self, code: NewCode, refusal: InvalidGrant) -> None:
        super().__init__(refusal)
        self._code = code

    def aftermath(self, tx: Transaction, facts: RequestFacts) -> None:
        """Spend it."""
        code = self._code
        if tx.authorization_codes.spend(code.digest, code.client_id, None):
            record(tx, EventName.CODE_SPOILED, outcome="refused", facts=facts, sub=code.sub, client_id=code.client_id)


class _Replayed(Outlives):
    """The code was spent before: its client, or somebody, holds a copy it should not (RFC 6749 section 4.1.2)."""

    def __init__(self, families: Families, facts: CodeFacts, client: Client) -> None:
        super().__init__(InvalidGrant(_REFUSED, detail="spent before; what it became ends"))
        self._families = families
        self._facts = facts
        self._client = client

    def aftermath(self, tx: Transaction, facts: RequestFacts) -> None:
        """End what it became."""
        family_id = self._facts.family_id
        if family_id is not None:
            self._families.end_by_code_replay(tx, family_id, self._facts.code.sub, self._client.client_id, facts)
