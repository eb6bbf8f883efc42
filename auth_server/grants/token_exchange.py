"""One service calls another on behalf of whoever called it: a token for the one becomes a token for the other (RFC 8693).

Off unless an operator switched it on, and then only what a client's own policy allows:

1. The subject token was issued to a client that the policy names, and it is addressed to this service: `aud` is a resource that the client
   stands for (`introspects`), or it was issued to the client itself. A token that was stolen elsewhere is of no use here.
2. The target is an audience that the policy names.
3. Nothing grows: not beyond the client's own scope, not beyond what the person may do today, and a scope that the subject token's
   resource offers has to be in the subject token. The new token lives no longer than the old one.
4. The subject token has to be alive, now and in the database: its session, its refresh family, its person, its client.
5. The new token says who acts (`act`), and keeps `sid` and `grant_id`, so that what ends the old one ends it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from auth_server.grants.contract import Collaborators, Grant
from auth_server.protocol.authorization import ACCESS_TOKEN_TYPE, Authorization, Exchange, SignIn
from auth_server.protocol.client import Client
from auth_server.protocol.directory import Directory
from auth_server.protocol.errors import InvalidRequest, InvalidScope, InvalidTarget, UnauthorizedClient
from auth_server.protocol.form import Form
from auth_server.protocol.people import permissions_of_roles, visible_to
from auth_server.protocol.resource import Resource, is_usable_by
from auth_server.protocol.scope import UNOWNED, narrow_scope
from auth_server.store.transaction import Transaction
from auth_server.tokens.local_verifier import LocalVerifier, NotOurs, OwnToken, why_ended
from shared import base64url

TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_SUBJECT_TYPES: Final = frozenset({ACCESS_TOKEN_TYPE, "urn:ietf:params:oauth:token-type:jwt"})
# A chain of services this long calls itself.
_MOST_ACTORS: Final = 8
# Section 2.2.2: whatever is wrong with the subject token, the code is invalid_request; the log says what.
_REFUSED: Final = "the subject token is not one that this client may exchange"


@dataclass(frozen=True, slots=True)
class ExchangeRequest:
    """The parameters of the grant; the signature of the subject token is right, and that is all."""

    token: OwnToken
    target: str | None
    scope: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class ExchangeFacts:
    """Why the subject token counts no more, or whose it is: `sub` of the account, None for a client's own token."""

    fault: str | None
    account: str | None = None
    roles: frozenset[str] = frozenset()


class TokenExchange(Grant[ExchangeRequest, ExchangeFacts]):
    """Exchanges access tokens of this issuer for access tokens."""

    grant_type = TOKEN_EXCHANGE

    def __init__(self, verifier: LocalVerifier) -> None:
        self._verifier = verifier

    @classmethod
    def build(cls, collaborators: Collaborators) -> Self:
        """Make the member of the registry."""
        return cls(collaborators.verifier)

    def parse(self, form: Form) -> ExchangeRequest:
        """Read the parameters of section 2.1; an actor other than the client itself is not taken."""
        text, kind = form.required("subject_token"), form.required("subject_token_type")
        if kind not in _SUBJECT_TYPES:
            raise InvalidRequest("subject_token_type must be an access token of this issuer")
        if form.optional("actor_token") is not None or form.optional("actor_token_type") is not None:
            raise InvalidRequest("the client itself is the actor; no actor_token is taken")
        if form.optional("requested_token_type") not in (None, ACCESS_TOKEN_TYPE):
            raise InvalidRequest("only access tokens are issued")
        resource, audience = form.optional("resource"), form.optional("audience")
        if resource is not None and audience not in (None, resource):
            raise InvalidTarget("resource and audience name two targets")
        try:
            token = self._verifier.signed_access_token(text)
        except NotOurs as error:
            raise InvalidRequest(_REFUSED, detail=str(error)) from error
        return ExchangeRequest(token, resource or audience, form.scope())

    def load(self, request: ExchangeRequest, client: Client, tx: Transaction) -> ExchangeFacts:
        """Read whether the subject token still counts, and what its person may do now."""
        token = request.token
        if (fault := why_ended(tx, token) or _why_over(tx, token)) is not None:
            return ExchangeFacts(fault)
        subject = token.text("sub") or ""
        if subject == token.text("client_id"):
            holder = tx.clients.find(subject)
            return ExchangeFacts("the client behind it is gone" if holder is None or holder.disabled else None)
        account = tx.accounts.find(tx.pairwise_subjects.account(subject) or subject)
        if account is None or account.is_disabled:
            return ExchangeFacts("the account is gone or disabled")
        return ExchangeFacts(None, account.sub, tx.roles.of(account.sub))

    def decide(
        self, request: ExchangeRequest, facts: ExchangeFacts, client: Client, directory: Directory, now_ms: int
    ) -> Authorization:
        """Hold the request to the client's policy."""
        token, fault = request.token, facts.fault or _policy_fault(client, request.token)
        if fault is not None:
            raise InvalidRequest(_REFUSED, detail=fault)
        resource = _target(request, client, directory)
        permissions = None if facts.account is None else permissions_of_roles(facts.roles, directory.permissions_of)
        visible = visible_to(resource, facts.roles, directory.permissions_of)
        return Authorization(
            client=client,
            subject=token.text("sub") or "",
            account=facts.account,
            resource=resource,
            scope=_scope(request, client, resource, directory, permissions),
            sign_in=_sign_in(token),
            roles=visible.roles,
            entitlements=visible.permissions,
            grant_id=token.text("grant_id"),
            exchange=Exchange(_actor(token, client), int(token.claims["exp"])),
        )


def _why_over(tx: Transaction, token: OwnToken) -> str | None:
    """Return what no feed entry tells: a session that ran out, a family that did or was ended."""
    sid, grant_id = token.text("sid"), token.text("grant_id")
    if sid is not None and tx.sessions.find_live(sid) is None:
        return "the session is over"
    if grant_id is not None and tx.refresh_tokens.is_over(base64url.decode(grant_id.encode("ascii"))):
        return "the refresh family is over"
    return None


def _policy_fault(client: Client, token: OwnToken) -> str | None:
    if client.is_public or client.exchange is None:
        raise UnauthorizedClient("this client has no exchange policy")
    holder = token.text("client_id") or ""
    if holder not in client.exchange.subject_clients:
        return f"issued to {holder[:80]}, whose tokens this client may not exchange"
    if holder != client.client_id and token.audience.isdisjoint(client.introspects):
        return "addressed to no resource that this client stands for"
    return None


def _target(request: ExchangeRequest, client: Client, directory: Directory) -> Resource:
    audiences = client.exchange.audiences if client.exchange else frozenset()
    target = request.target or client.default_resource or (next(iter(audiences)) if len(audiences) == 1 else None)
    if target is None:
        raise InvalidTarget("say which resource the token is for")
    resource = directory.resources.get(target)
    if resource is None or target not in audiences or not is_usable_by(client, resource):
        raise InvalidTarget("no such resource for this client")
    return resource


def _scope(
    request: ExchangeRequest, client: Client, resource: Resource, directory: Directory, permissions: frozenset[str] | None
) -> frozenset[str]:
    held, asked = request.token.scope, request.scope
    if asked is not None and not UNOWNED.isdisjoint(asked):
        raise InvalidScope("scopes about a person are not exchanged")
    bounded = frozenset().union(
        *(directory.resources[name].scopes for name in request.token.audience if name in directory.resources)
    )
    wanted = (client.scope & resource.scopes.keys()) if asked is None else asked
    kept = frozenset(name for name in wanted if name in held or name not in bounded)
    if asked and not kept:
        raise InvalidScope("wider than the subject token")
    return narrow_scope(kept, client, resource, permissions) if kept else frozenset()


def _sign_in(token: OwnToken) -> SignIn | None:
    auth_time, amr = token.claims.get("auth_time"), token.claims.get("amr")
    if not isinstance(auth_time, int) or not isinstance(amr, list):
        return None
    return SignIn(auth_time, token.text("acr") or "", tuple(str(word) for word in amr), token.text("sid"))


def _actor(token: OwnToken, client: Client) -> Mapping[str, object]:
    """Return the chain of actors, the newest outermost (section 4.1)."""
    before, depth = token.claims.get("act"), 0
    while isinstance(before, dict):
        before, depth = before.get("act"), depth + 1
    if depth >= _MOST_ACTORS:
        raise InvalidRequest(_REFUSED, detail="the chain of actors is too long")
    former = token.claims.get("act")
    return {"sub": client.client_id, "act": former} if isinstance(former, dict) else {"sub": client.client_id}
