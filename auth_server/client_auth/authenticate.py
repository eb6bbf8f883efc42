"""Who is this client? Exactly one method in a request; the same answer, after the same work, for every kind of failure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from auth_server.client_auth.contract import ClientAuthMethod, Presented, Proof
from auth_server.clock import Clock
from auth_server.outbound.fetch import NeedsFetch
from auth_server.protocol.assertion import Used
from auth_server.protocol.client import Client
from auth_server.protocol.errors import InvalidClient, InvalidRequest
from auth_server.web.request_facts import RequestFacts
from shared import jose

_FAILED: Final = "client authentication failed"
# Stands in for a client that does not exist, so that the proof is looked at all the same.
_NOBODY: Final = Client(client_id="", name="", auth_method="", grants=frozenset(), scope=frozenset())
# A foreign issuer's metadata, then its keys, then its keys anew for a kid that is not among them.
_FETCHES: Final = 3


class Guesses(Protocol):
    """Counts wrong proofs."""

    def check(self, client_id: str, facts: RequestFacts | None) -> None:
        """Refuse a proof that is not looked at now.

        Raises:
            TooManyRequests: wrong ones came from there.
        """

    async def fail(self, client_id: str, facts: RequestFacts | None) -> None:
        """Count a wrong proof.

        Raises:
            TooManyRequests: it was one too many.
        """

    async def succeed(self, client_id: str, facts: RequestFacts | None) -> None:
        """Forget the wrong proofs that came before the right one."""


@dataclass(frozen=True, slots=True)
class Around:
    """What surrounds the look at a proof. None of it is needed by a method that is pure.

    Attributes:
        fetch: gets a document that a decision lacked, by URL and age; whether a stranger chose the URL; never raises.
        spend: notes the use of a proof that counts once; False when it was used before.
        used: is told of each client that proved itself.
    """

    guesses: Guesses
    fetch: Callable[[str, float, bool], Awaitable[object]]
    spend: Callable[[Used], Awaitable[bool]]
    used: Callable[[Client], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Finds out which client sent a request."""

    methods: Sequence[ClientAuthMethod]
    find_client: Callable[[str], Awaitable[Client | None]]
    find_client_anew: Callable[[str], Awaitable[Client | None]]
    clock: Clock
    around: Around

    def metadata(self, endpoint: str) -> dict[str, object]:
        """Return what a metadata document says of clients at an endpoint (RFC 8414 section 2)."""
        methods = [method.method for method in self.methods]
        members: dict[str, object] = {f"{endpoint}_auth_methods_supported": methods}
        if any(method.endswith("_jwt") for method in methods):
            members[f"{endpoint}_auth_signing_alg_values_supported"] = sorted(jose.ALGORITHMS)
        return members

    async def authenticate(self, presented: Presented) -> Client:
        """Return the client that proved itself.

        Raises:
            InvalidRequest: two methods at once (RFC 6749 section 2.3).
            InvalidClient: none, or not proven. Unknown, disabled, wrong proof and wrong method answer alike.
            TooManyRequests: too many wrong proofs for that client came from there; this one was not looked at.
        """
        method, proof = self._found(presented)
        guesses, facts = self.around.guesses, presented.facts
        # 1. Wrong proofs from there? Then this one is not looked at.
        guesses.check(proof.client_id, facts)
        # 2. Whose is it, and is it good?
        client = await self.find_client(proof.client_id)
        fault = await self._fault(method, proof, client)
        if fault is not None:
            # What is remembered may be half a second old: a secret made just now must work at once. A name that does not exist is
            # never remembered, so it was asked for just now, and every kind of failure costs one look-up.
            client = client and await self.find_client_anew(proof.client_id)
            fault = await self._fault(method, proof, client)
        # 3. What counts once is spent, on whatever replica it arrives.
        if client is not None and fault is None:
            fault = await self._spend(method, proof, client)
        if client is None or fault is not None:
            await guesses.fail(proof.client_id, facts)
            raise InvalidClient(_FAILED, detail=fault)
        await guesses.succeed(proof.client_id, facts)
        await self.around.used(client)
        return client

    def _found(self, presented: Presented) -> tuple[ClientAuthMethod, Proof]:
        found = [(method, proof) for method in self.methods if (proof := method.find(presented)) is not None]
        if not found:
            raise InvalidClient(_FAILED, detail="no client authentication")
        if len(found) > 1:
            raise InvalidRequest("use one way of client authentication, not two")
        return found[0]

    async def _fault(self, method: ClientAuthMethod, proof: Proof, client: Client | None) -> str | None:
        now = self.clock.now()
        proven = await self._is_proven(method, proof, client or _NOBODY, now)
        if client is None:
            return "unknown client"
        if client.disabled:
            return "disabled client"
        if client.auth_method != method.method:
            return f"registered for {client.auth_method}, used {method.method}"
        return None if proven else await self._why(method, proof, client, now)

    async def _is_proven(self, method: ClientAuthMethod, proof: Proof, client: Client, now: int) -> bool:
        for _ in range(_FETCHES):
            try:
                return method.is_proven(proof, client, now)
            except NeedsFetch as needs:
                # Outside any transaction; the URL comes from the client's registration, never from this request.
                await self.around.fetch(needs.url, needs.max_age, client.is_unverified)
        return False

    async def _why(self, method: ClientAuthMethod, proof: Proof, client: Client, now: int) -> str:
        try:
            return method.fault(proof, client, now)
        except NeedsFetch:
            return "its keys are not there"

    async def _spend(self, method: ClientAuthMethod, proof: Proof, client: Client) -> str | None:
        use = method.use(proof, client, self.clock.now())
        return None if use is None or await self.around.spend(use) else "used before"
