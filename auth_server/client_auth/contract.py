"""What a client authentication method must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Self

from auth_server.clients.assertions import ClientAssertions
from auth_server.protocol.assertion import Used
from auth_server.protocol.client import Client
from auth_server.protocol.form import Form
from auth_server.web.request import Request
from auth_server.web.request_facts import RequestFacts


@dataclass(frozen=True, slots=True)
class Collaborators:
    """What methods work with; each takes from it what it needs, by name."""

    assertions: ClientAssertions


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request shows of its client: the form, the Authorization header as it came, and who sends it.

    Without `facts` all senders count as one place when wrong proofs are counted.
    """

    form: Form
    authorization: bytes | None = field(repr=False)
    facts: RequestFacts | None = None

    @classmethod
    def of(cls, request: Request, form: Form) -> Presented:
        """Return what a request shows."""
        return cls(form, request.header(b"authorization"), request.facts)


@dataclass(frozen=True, slots=True)
class Proof:
    """A method found in a request: whom it names, and what it shows for that."""

    client_id: str
    credential: str = field(repr=False, default="")


class ClientAuthMethod(ABC):
    """One token_endpoint_auth_method value. Every part is pure, but for what is remembered of others' documents."""

    method: ClassVar[str]

    @classmethod
    def build(cls, collaborators: Collaborators) -> Self:
        """Make the member of the registry."""
        return cls()

    @abstractmethod
    def find(self, presented: Presented) -> Proof | None:
        """Return what a request shows by this method; None when it shows nothing by it.

        Raises:
            InvalidClient: it is this method, and malformed.
        """

    @abstractmethod
    def is_proven(self, proof: Proof, client: Client, now: int) -> bool:
        """Say whether the proof is the client's. `now` in seconds. Must do equal work for any client.

        Raises:
            NeedsFetch: a document of the client's has to be fetched first.
        """

    def fault(self, proof: Proof, client: Client, now: int) -> str:
        """Say for the log why a proof is not the client's."""
        return "wrong proof"

    def use(self, proof: Proof, client: Client, now: int) -> Used | None:
        """Return how a good proof that counts only once is remembered; None for one that may be shown again."""
        return None
