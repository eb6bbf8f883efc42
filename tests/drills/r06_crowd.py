"""The crowd of R6: who registers, signs in, exchanges, refreshes, revokes, rotates and re-wraps while the server is killed."""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from docs.demo.story import Answer
from tests.drills.authorizations import APP, a_code, exchange, session_of
from tests.drills.home import Home, ask, end, login, outcome, refresh, register
from tests.drills.tally import Journal, Tally, entries
from tests.support.keys import claims_of

REFRESHERS: Final = 3
KINDS_OF_ACT: Final = ("registered", "signed in", "exchanged", "refreshed", "revoked", "rotated", "rewrapped")
KEYS: Final = "AUTH_SERVER_KEY_ENCRYPTION_KEYS"


class Crowd:
    """Everybody who asks something, each in a thread of its own and with a journal of its own."""

    def __init__(self, home: Home, part: Tally) -> None:
        self.home, self._part = home, part
        self._stopped = threading.Event()
        self._broken: list[BaseException] = []
        self._journals: dict[str, Journal] = {}
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def begin(self) -> None:
        """Let everybody begin."""
        works: dict[str, Callable[[str], None]] = {f"refresher-{n}": self._refresh for n in range(REFRESHERS)}
        works |= {"revoker": self._revoke, "registrar": self._register, "exchanger": self._exchange, "operator": self._operate}
        for name, work in works.items():
            self._journals[name] = Journal(self.home.folder / f"{name}.journal")
            self._threads.append(threading.Thread(target=self._guarded, args=(work, name), daemon=True))
        for thread in self._threads:
            thread.start()
        give_up_at = time.monotonic() + 60
        while not self._is_under_way() and time.monotonic() < give_up_at:
            time.sleep(0.1)

    def _is_under_way(self) -> bool:
        """Say whether everything was done once by whoever does it: killed too soon, some would never get as far."""
        done = {name: {entry["what"] for entry in self.journal(name) if entry["is"] == "answer"} for name in self._journals}
        refreshers = [done[f"refresher-{number}"] for number in range(REFRESHERS)]
        return set(KINDS_OF_ACT) <= set().union(*done.values()) and all("refreshed" in what for what in refreshers)

    def check(self) -> None:
        """Raise what broke a client."""
        if self._broken:
            log = (self.home.folder / "issuer-0.log").read_text(encoding="utf-8").splitlines()
            faults = [line for line in log if '"level":"error"' in line.replace(" ", "").lower() or "Traceback" in line]
            raise RuntimeError(f"a client of the drill broke; its issuer said {faults[-3:]}") from self._broken[0]

    def end(self) -> None:
        """Let everybody finish what runs."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(60)
        self.check()

    def acknowledged(self, what: str) -> list[dict[str, str]]:
        """Return what was acknowledged, out of the files."""
        found = []
        for name in self._journals:
            found += [entry for entry in self.journal(name) if entry["what"] == what and entry["is"] == "answer"]
        return found

    def journal(self, name: str) -> list[dict[str, str]]:
        """Return what one of them wrote."""
        return entries(self._path(name))

    def summary(self) -> str:
        """Return how much of each kind was acknowledged."""
        return ", ".join(f"{len(self.acknowledged(kind))} {kind}" for kind in (*KINDS_OF_ACT, "command killed"))

    def _path(self, name: str) -> Path:
        return self.home.folder / f"{name}.journal"

    def _guarded(self, work: Callable[[str], None], name: str) -> None:
        try:
            work(name)
        except BaseException as error:  # noqa: BLE001 - told by `check`
            self._broken.append(error)

    def _until_answered(self, name: str, what: str, send: Callable[[], Answer | None], **about: str) -> Answer | None:
        """Ask until there is an answer that is no 503 or 429; None when all is over before."""
        while not self._stopped.is_set():
            self._journals[name].add(what=what, **{"is": "request"}, **about)
            with self._lock:
                self._part.offered += 1
            answer = send()
            if answer is not None and answer.status not in (429, 503):
                with self._lock:
                    self._part.served += 1
                return answer
            time.sleep(0.03)
        return None

    def _sign_in(self, name: str) -> tuple[str, str] | None:
        """Make an account and sign in; return user name and refresh token."""
        username = f"{name}-{secrets.token_hex(5)}"
        made = self._until_answered(name, "registered", lambda: register(self.home, username), username=username)
        if made is None:
            return None
        # Taken: it was committed, and the answer was lost.
        _require(made, 201, 409)
        self._tell(name, "registered", username=username)
        answer = self._until_answered(name, "signed in", lambda: login(self.home, username), username=username)
        if answer is None:
            return None
        _require(answer, 200)
        grant = claims_of(answer.body["access_token"])["grant_id"]
        self._tell(name, "signed in", username=username, token=answer.body["refresh_token"], grant=grant)
        return username, answer.body["refresh_token"]

    def _tell(self, name: str, what: str, **about: str) -> None:
        self._journals[name].add(what=what, **{"is": "answer"}, **about)

    def _refresh(self, name: str) -> None:
        signed_in = self._sign_in(name)
        token = signed_in[1] if signed_in else ""
        while not self._stopped.is_set():
            sent = token
            answer = self._until_answered(name, "refreshed", lambda: refresh(self.home.url, sent), token=sent)  # noqa: B023
            if answer is None:
                return
            if answer.status != 200:
                with self._lock:
                    self._part.wrongly_rejected += 1
                    self._part.broken.append(f"{self.home.kind}: {name} was logged out: {answer.status} {answer.body!r:.200}")
                return
            token = answer.body["refresh_token"]
            self._tell(name, "refreshed", token=token)
            time.sleep(0.05)

    def _revoke(self, name: str) -> None:
        for token, grant in self._authorizations(name):
            form = {"token": token, "client_id": APP}
            answer = self._until_answered(
                name,
                "revoked",
                lambda: ask("POST", self.home.url + "/revoke", form=form),  # noqa: B023
                token=token,
            )
            if answer is not None:
                _require(answer, 200)
                self._tell(name, "revoked", token=token, grant=grant)

    def _register(self, name: str) -> None:
        while not self._stopped.is_set():
            self._sign_in(name)

    def _exchange(self, name: str) -> None:
        for token, grant in self._authorizations(name):
            self._tell(name, "exchanged", token=token, grant=grant)

    def _authorizations(self, name: str) -> Iterator[tuple[str, str]]:
        """Exchange one code after the other; yield what was answered: a refresh token and the name of its family."""
        signed_in = self._sign_in(name)
        if signed_in is None:
            return
        store = self.home.store()
        sub, sid = store.read_blocking(lambda tx: session_of(tx, signed_in[0]))
        while not self._stopped.is_set():
            code, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
            new = a_code(code, verifier, sub, sid)
            store.run_blocking(lambda tx: tx.authorization_codes.add(new, lifetime_ms=60_000))  # noqa: B023
            self._journals[name].add(what="exchanged", **{"is": "request"}, code=code)
            answer = exchange(self.home.url, code, verifier)
            # Without an answer a code may be spent or whole; presenting it again would end what it became.
            if answer is not None and answer.status == 200:
                yield answer.body["refresh_token"], claims_of(answer.body["access_token"])["grant_id"]
            time.sleep(0.1)
        store.close()

    def _operate(self, name: str) -> None:
        keys = self.home.environment[KEYS].split(",")
        for number in range(10_000):
            if self._stopped.is_set():
                return
            keys.reverse()
            words = [("key", "rotate", "--emergency"), ("key", "rewrap")][number % 2]
            what = ("rotated", "rewrapped")[number % 2]
            self._journals[name].add(what=what, **{"is": "request"})
            pid, output = self.home.begin(*words, environment={KEYS: ",".join(keys)})
            time.sleep(random.uniform(0.05, 1.2))
            end(pid)
            told = outcome(output)
            if told is None:
                self._tell(name, "command killed")
            else:
                self._tell(name, what, kid=str(told.get("active_kid", "")))


def _require(answer: Answer, *statuses: int) -> None:
    if answer.status not in statuses:
        raise RuntimeError(f"answered {answer.status} {answer.body!r:.200}")
