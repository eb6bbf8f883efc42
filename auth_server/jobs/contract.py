"""What a job is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar


class Job(ABC):
    """Something to do again and again.

    Attributes:
        name: for the log.
        interval: seconds from the end of one run to the start of the next.
        spread: seconds, at random more or less, so that replicas do not all come at once.
    """

    name: ClassVar[str]
    interval: float
    spread: float

    @abstractmethod
    async def run(self) -> None:
        """Do what is due now. Safe to run on several replicas at once, and to be cancelled at any point."""
