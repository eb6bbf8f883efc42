"""An assertion instead of a secret (RFC 7523 section 2.2): signed by the client's own key, or by an issuer that was registered for it."""

from __future__ import annotations

from typing import Final, Self

from auth_server.client_auth.contract import ClientAuthMethod, Collaborators, Presented, Proof
from auth_server.clients.assertions import ClientAssertions, Verdict, find_trusted
from auth_server.keys.foreign_jws import MalformedJws, UnverifiedJws, parse
from auth_server.protocol.assertion import Used, used
from auth_server.protocol.client import Client
from auth_server.protocol.errors import InvalidClient

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_FAILED: Final = "client authentication failed"


class PrivateKeyJwt(ClientAuthMethod):
    """`private_key_jwt`. Whose assertion it is, says its subject; a token of a foreign issuer needs `client_id` beside it."""

    method = "private_key_jwt"

    def __init__(self, assertions: ClientAssertions) -> None:
        self._assertions = assertions

    @classmethod
    def build(cls, collaborators: Collaborators) -> Self:
        """Make the member of the registry."""
        return cls(collaborators.assertions)

    def find(self, presented: Presented) -> Proof | None:
        """Take the assertion from the body, and read whom it names."""
        form = presented.form
        compact, kind = form.optional("client_assertion"), form.optional("client_assertion_type")
        if compact is None and kind is None:
            return None
        if compact is None or kind != ASSERTION_TYPE:
            raise InvalidClient(_FAILED, detail="client_assertion or its type is missing, or another type")
        jws = _parsed(compact)
        issuer, subject, named = jws.claims.get("iss"), jws.claims.get("sub"), form.optional("client_id")
        # RFC 7521 section 4.2: a client_id beside the assertion must be the client that the assertion is about.
        if issuer == subject and named not in (None, subject):
            raise InvalidClient(_FAILED, detail="two names in one request")
        client_id = named if named is not None else subject
        if not isinstance(client_id, str) or not client_id.isprintable():
            raise InvalidClient(_FAILED, detail="the assertion names nobody")
        return Proof(client_id, compact)

    def is_proven(self, proof: Proof, client: Client, now: int) -> bool:
        """Verify the signature, then the claims."""
        return self._verdict(_parsed(proof.credential), client, now).fault is None

    def fault(self, proof: Proof, client: Client, now: int) -> str:
        """Say what was wrong with it."""
        return self._verdict(_parsed(proof.credential), client, now).fault or ""

    def use(self, proof: Proof, client: Client, now: int) -> Used | None:
        """An assertion is a bearer credential: whoever sees it could send it again."""
        claims = _parsed(proof.credential).claims
        trusted = None if claims.get("iss") == client.client_id else find_trusted(client, claims)
        return None if trusted is not None and trusted.reusable else used(claims)

    def _verdict(self, jws: UnverifiedJws, client: Client, now: int) -> Verdict:
        if client.auth_method != self.method:
            self._assertions.stand_in(jws)
            return Verdict("not a client of this method")
        if jws.claims.get("iss") == client.client_id:
            return self._assertions.judge_own(jws, client, now)
        return self._assertions.judge_trusted(jws, client, now)


def _parsed(compact: str) -> UnverifiedJws:
    try:
        return parse(compact)
    except MalformedJws as error:
        raise InvalidClient(_FAILED, detail=str(error)) from error
