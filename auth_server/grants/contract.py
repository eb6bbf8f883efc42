"""What a grant must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Generic, Self, TypeVar

from auth_server.clients.assertions import ClientAssertions
from auth_server.protocol.authorization import Authorization
from auth_server.protocol.client import Client
from auth_server.protocol.directory import Directory
from auth_server.protocol.errors import OAuthError
from auth_server.protocol.form import Form
from auth_server.protocol.refresh import RefreshPolicy
from auth_server.store.transaction import Transaction
from auth_server.tokens.families import Families
from auth_server.tokens.local_verifier import LocalVerifier
from auth_server.web.request_facts import RequestFacts

RequestT = TypeVar("RequestT")
FactsT = TypeVar("FactsT")


@dataclass(frozen=True, slots=True)
class Collaborators:
    """What grants work with; each takes from it what it needs, by name."""

    families: Families
    refresh_policy: RefreshPolicy
    assertions: ClientAssertions
    verifier: LocalVerifier
    issuer: str = ""


class Outlives(Exception):
    """A refusal that changes something all the same: `refusal` is answered once `aftermath` has committed on its own."""

    def __init__(self, refusal: OAuthError) -> None:
        super().__init__(refusal.description)
        self.refusal = refusal

    def aftermath(self, tx: Transaction, facts: RequestFacts) -> None:
        """Carry out what must outlive the refusal."""
        raise NotImplementedError


class Grant(ABC, Generic[RequestT, FactsT]):
    """One grant_type value. `parse` and `decide` are pure; `load` only reads."""

    grant_type: ClassVar[str]
    # A grant that reads nothing costs no look at the database on a warm request.
    reads: ClassVar[bool] = True

    @classmethod
    def build(cls, collaborators: Collaborators) -> Self:
        """Make the member of the registry."""
        return cls()

    @abstractmethod
    def parse(self, form: Form) -> RequestT:
        """Read the grant's own parameters.

        Raises:
            OAuthError: missing or malformed.
        """

    @abstractmethod
    def load(self, request: RequestT, client: Client, tx: Transaction) -> FactsT:
        """Read what the decision depends on.

        Raises:
            NeedsFetch: a document of somebody else's has to be fetched first.
        """

    @abstractmethod
    def decide(self, request: RequestT, facts: FactsT, client: Client, directory: Directory, now_ms: int) -> Authorization:
        """Conclude.

        Raises:
            OAuthError: refused, and nothing changes.
            Outlives: refused, and something changes all the same.
        """
