"""Asks the issuers for tokens without pause and writes each one down before anybody presents it."""

from __future__ import annotations

import threading
import time

from tests.drills.site import Site
from tests.drills.tally import Journal
from tests.support.keys import claims_of, header_of


class Minter:
    """Threads that ask; every token stands in the journal with when it was acknowledged."""

    def __init__(self, site: Site, journal: Journal, *, issuers: int, every: float = 0.2) -> None:
        self.asked = 0
        self.refused = 0
        self._site, self._journal, self._every = site, journal, every
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,), daemon=True) for number in range(issuers)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, and wait for what is under way."""
        self._ends.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _ask(self, number: int) -> None:
        while not self._ends.wait(self._every):
            answer = self._site.ask_for_token(number)
            self.asked += 1
            if answer is None or answer.status != 200:
                self.refused += 1
                continue
            token = answer.body["access_token"]
            claims = claims_of(token)
            self._journal.add(
                token=token, kid=header_of(token)["kid"], iat=claims["iat"], exp=claims["exp"], by=number, at=time.time()
            )
