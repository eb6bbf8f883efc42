"""What a client authentication method must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from auth_server.protocol.client import Client
from auth_server.protocol.form import Form


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request shows of its client: the form, and the Authorization header as it came."""

    form: Form
    authorization: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Proof:
    """A method found in a request: whom it names, and what it shows for that."""

    client_id: str
    credential: str = field(repr=False, default="")


class ClientAuthMethod(ABC):
    """One token_endpoint_auth_method value. Both parts are pure."""

    method: ClassVar[str]

    @abstractmethod
    def find(self, presented: Presented) -> Proof | None:
        """Return what a request shows by this method; None when it shows nothing by it.

        Raises:
            InvalidClient: it is this method, and malformed.
        """

    @abstractmethod
    def is_proven(self, proof: Proof, client: Client, now: int) -> bool:
        """Say whether the proof is the client's. `now` in seconds. Must do equal work for any client."""
