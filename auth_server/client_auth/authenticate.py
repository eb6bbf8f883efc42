"""Who is this client? Exactly one method in a request; the same answer, after the same work, for every kind of failure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from auth_server.client_auth.contract import ClientAuthMethod, Presented, Proof
from auth_server.clock import Clock
from auth_server.protocol.client import Client
from auth_server.protocol.errors import InvalidClient, InvalidRequest

_FAILED: Final = "client authentication failed"
# Stands in for a client that does not exist, so that the proof is looked at all the same.
_NOBODY: Final = Client(client_id="", name="", auth_method="", grants=frozenset(), scope=frozenset())


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Finds out which client sent a request."""

    methods: Sequence[ClientAuthMethod]
    find_client: Callable[[str], Awaitable[Client | None]]
    find_client_anew: Callable[[str], Awaitable[Client | None]]
    clock: Clock

    async def authenticate(self, presented: Presented) -> Client:
        """Return the client that proved itself.

        Raises:
            InvalidRequest: two methods at once (RFC 6749 section 2.3).
            InvalidClient: none, or not proven. Unknown, disabled, wrong proof and wrong method answer alike.
        """
        found = [(method, proof) for method in self.methods if (proof := method.find(presented)) is not None]
        if not found:
            raise InvalidClient(_FAILED, detail="no client authentication")
        if len(found) > 1:
            raise InvalidRequest("use one way of client authentication, not two")
        method, proof = found[0]
        client = await self.find_client(proof.client_id)
        fault = self._fault(method, proof, client)
        if fault is not None:
            # What is remembered may be half a second old: a secret made just now must work at once. A name that does not exist is
            # never remembered, so it was asked for just now, and every kind of failure costs one look-up.
            client = client and await self.find_client_anew(proof.client_id)
            fault = self._fault(method, proof, client)
        if client is None or fault is not None:
            raise InvalidClient(_FAILED, detail=fault)
        return client

    def _fault(self, method: ClientAuthMethod, proof: Proof, client: Client | None) -> str | None:
        proven = method.is_proven(proof, client or _NOBODY, self.clock.now())
        if client is None:
            return "unknown client"
        if client.disabled:
            return "disabled client"
        if client.auth_method != method.method:
            return f"registered for {client.auth_method}, used {method.method}"
        return None if proven else "wrong proof"
