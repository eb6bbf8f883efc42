"""A workload signs in with the token that its platform gave it (RFC 7523 section 2.1): no client secret exists at all.

Which issuer speaks for which client about which subject was registered by an operator. The token proves the workload and no person:
what comes of it is the client's own token, as with client credentials, whatever subject the foreign issuer has for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from auth_server.clients.assertions import ClientAssertions, Verdict
from auth_server.clients.proof_metadata import JWT_BEARER
from auth_server.grants.contract import Collaborators, Grant
from auth_server.keys.foreign_jws import MalformedJws, UnverifiedJws, parse
from auth_server.protocol.authorization import Authorization, Spend, SpendKind
from auth_server.protocol.client import Client
from auth_server.protocol.directory import Directory
from auth_server.protocol.errors import InvalidGrant, InvalidScope
from auth_server.protocol.form import Form
from auth_server.protocol.resource import choose_audience
from auth_server.protocol.scope import UNOWNED, narrow_scope
from auth_server.store.transaction import Transaction

_REFUSED = "the assertion is not one that this client may present"


@dataclass(frozen=True, slots=True)
class AssertionRequest:
    """The parameters of the grant; nothing in the assertion is true yet."""

    jws: UnverifiedJws = field(repr=False)
    scope: frozenset[str] | None
    resource: str | None


class JwtBearer(Grant[AssertionRequest, Verdict]):
    """Reads the foreign issuer's keys, from the registration or from what is remembered of its documents."""

    grant_type = JWT_BEARER

    def __init__(self, assertions: ClientAssertions) -> None:
        self._assertions = assertions

    @classmethod
    def build(cls, collaborators: Collaborators) -> Self:
        """Make the member of the registry."""
        return cls(collaborators.assertions)

    def parse(self, form: Form) -> AssertionRequest:
        """Read `assertion`, `scope` and `resource`."""
        try:
            jws = parse(form.required("assertion"))
        except MalformedJws as error:
            raise InvalidGrant(_REFUSED, detail=str(error)) from error
        request = AssertionRequest(jws, form.scope(), form.optional("resource"))
        if request.scope and not UNOWNED.isdisjoint(request.scope):
            raise InvalidScope("scopes about a person make no sense for a workload that acts for itself")
        return request

    def load(self, request: AssertionRequest, client: Client, tx: Transaction) -> Verdict:
        """Verify it by the keys that are known."""
        return self._assertions.judge_trusted(request.jws, client, tx.clock.now())

    def decide(
        self, request: AssertionRequest, facts: Verdict, client: Client, directory: Directory, now_ms: int
    ) -> Authorization:
        """The client is its own subject; an assertion counts once, unless its platform hands out one for many sign-ins."""
        if facts.fault is not None:
            raise InvalidGrant(_REFUSED, detail=facts.fault)
        resource = choose_audience(request.resource, request.scope, client, directory.resources, client.default_resource)
        scope = narrow_scope(request.scope, client, resource, permissions=None)
        used = facts.used
        spends = () if used is None else (Spend(SpendKind.ASSERTION, used.digest, used.until),)
        return Authorization(client=client, subject=client.client_id, resource=resource, scope=scope, spends=spends)
