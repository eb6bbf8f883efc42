"""R6: `auth-server serve` is killed (SIGKILL) at random moments while people register, sign in, exchange codes, refresh and revoke, and
operators rotate keys and re-wrap them, whose commands are killed too. Nothing that was acknowledged may be lost, and nobody logged out.

The oracle is a client that writes each request to a file of its own before it is sent, and each answer before it goes on. Both databases
are tried at once. Reduced: two hundred kills in about three minutes on two quiet cores.
"""

from __future__ import annotations

import random
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text

from auth_server.keys.sealing import generate_key_encryption_key
from docs.demo.story import Answer
from tests.drills.authorizations import APP, a_client, a_code, exchange, session_of
from tests.drills.home import FIRST_PARTY, KINDS, Home, a_home, ask, end, login, outcome, refresh, register
from tests.drills.tally import Journal, Tally, entries
from tests.support.keys import claims_of

KILLS, KILLS_IN_FULL = 100, 1_000
REFRESHERS: Final = 3
KINDS_OF_ACT: Final = ("registered", "signed in", "exchanged", "refreshed", "revoked", "rotated", "rewrapped")
_KEYS: Final = "AUTH_SERVER_KEY_ENCRYPTION_KEYS"


def run(*, full: bool) -> Tally:
    """Carry the drill out."""
    kills = KILLS_IN_FULL if full else KILLS
    tally = Tally("R6")
    with ThreadPoolExecutor(len(KINDS)) as pool:
        for part in pool.map(lambda kind: _on(kind, kills), KINDS):
            _add(tally, part)
    return tally


def _on(kind: str, kills: int) -> Tally:
    part = Tally("R6")
    # A token may rotate every half second, so that there is something to lose at every moment.
    with a_home(kind, REFRESH_QUIET_WINDOW="0.5") as home:
        home.environment[_KEYS] += "," + generate_key_encryption_key()
        a_client(home)
        home.start()
        crowd = Crowd(home, part)
        crowd.begin()
        _kill_again_and_again(home, kills, part, crowd)
        crowd.end()
        Inspection(home, part, crowd).carry_out()
        part.notes.append(f"{kind}: {part.faults} kills, {crowd.summary()}, lost {part.lost}")
    return part


def _kill_again_and_again(home: Home, kills: int, part: Tally, crowd: Crowd) -> None:
    for number in range(kills):
        if number % 10 == 9:
            time.sleep(random.uniform(0.0, 0.3))  # while it starts
        else:
            home.wait()
            time.sleep(random.uniform(0.05, 0.5))
        home.kill()
        part.faults += 1
        home.start(wait=False)
        crowd.check()
    home.wait()


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
        keys = self.home.environment[_KEYS].split(",")
        for number in range(10_000):
            if self._stopped.is_set():
                return
            keys.reverse()
            words = [("key", "rotate", "--emergency"), ("key", "rewrap")][number % 2]
            what = ("rotated", "rewrapped")[number % 2]
            self._journals[name].add(what=what, **{"is": "request"})
            pid, output = self.home.begin(*words, environment={_KEYS: ",".join(keys)})
            time.sleep(random.uniform(0.05, 1.2))
            end(pid)
            told = outcome(output)
            if told is None:
                self._tell(name, "command killed")
            else:
                self._tell(name, what, kid=str(told.get("active_kid", "")))


class Inspection:
    """Compares what is there with what was acknowledged."""

    def __init__(self, home: Home, part: Tally, crowd: Crowd) -> None:
        self._home, self._part, self._crowd = home, part, crowd

    def carry_out(self) -> None:
        """Look at everything."""
        for kind in KINDS_OF_ACT:
            if not self._crowd.acknowledged(kind):
                self._part.broken.append(f"{self._home.kind}: of what is {kind} nothing was ever acknowledged")
        self._accounts()
        self._families()
        self._revocations()
        self._keys()
        verified = self._home.operate("audit", "verify")
        if verified["broken_at"] is not None:
            self._part.broken.append(f"{self._home.kind}: the audit chain breaks at {verified['broken_at']}")
        self._home.stop()
        if self._home.kind == "SQLite":
            self._integrity()

    def _accounts(self) -> None:
        names = {row[0] for row in self._rows("SELECT username FROM account")}
        self._lose("account", [entry["username"] for entry in self._crowd.acknowledged("registered")], names)

    def _families(self) -> None:
        """The last token of each honest client works, and so does what each code became."""
        newest = {}
        for number in range(REFRESHERS):
            told = [entry for entry in self._crowd.journal(f"refresher-{number}") if entry["is"] == "answer" and "token" in entry]
            if not told:
                self._part.broken.append(f"{self._home.kind}: refresher-{number} never got as far as to sign in")
                continue
            newest[f"refresher-{number}"] = (told[-1]["token"], FIRST_PARTY)
        for number, entry in enumerate(self._crowd.acknowledged("exchanged")):
            newest[f"exchanger-{number}"] = (entry["token"], APP)
        for name, (token, client_id) in newest.items():
            answer = refresh(self._home.url, token, client_id)
            if answer is None or answer.status != 200:
                self._part.lost += 1
                self._part.broken.append(f"{self._home.kind}: the acknowledged token of {name} is worth nothing: {answer!r:.200}")
        wrongly = self._rows(
            "SELECT count(*) FROM refresh_family WHERE reason IN ('reuse', 'code_replayed', 'suspicious_replays')"
        )
        if wrongly[0][0]:
            self._part.wrongly_rejected += wrongly[0][0]
            self._part.broken.append(f"{self._home.kind}: {wrongly[0][0]} families of honest clients ended by reuse")

    def _revocations(self) -> None:
        for entry in self._crowd.acknowledged("revoked"):
            answer = refresh(self._home.url, entry["token"], APP)
            if answer is None or answer.status != 400:
                self._part.wrongly_accepted += 1
                self._part.broken.append(f"{self._home.kind}: a token that was acknowledged to be revoked works")
        on_feed = {row[0] for row in self._rows("SELECT key FROM feed_entry WHERE kind = 'grant'")}
        self._lose("feed entry", [entry["grant"] for entry in self._crowd.acknowledged("revoked")], on_feed)

    def _keys(self) -> None:
        kids = {key["kid"] for ring in self._home.operate("key", "list", "--all")["rings"] for key in ring["keys"]}
        self._lose("key", [entry["kid"] for entry in self._crowd.acknowledged("rotated")], kids)
        ring = self._rows("SELECT count(*) FROM signing_key WHERE state = 'active'")[0][0]
        if ring != 1:
            self._part.broken.append(f"{self._home.kind}: {ring} keys are active")

    def _lose(self, what: str, acknowledged: list[str], there: set[str]) -> None:
        lost = [each for each in acknowledged if each not in there]
        self._part.lost += len(lost)
        self._part.broken += [f"{self._home.kind}: {len(lost)} x {what} acknowledged and gone: {lost[0]}"] if lost else []

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        store = self._home.store()
        with store.engines.read.connect() as connection:
            rows = [tuple(row) for row in connection.execute(text(statement))]
        store.close()
        return rows

    def _integrity(self) -> None:
        path = self._home.environment["AUTH_SERVER_DATABASE_URL"].removeprefix("sqlite:///")
        with sqlite3.connect(path) as connection:
            told = connection.execute("PRAGMA integrity_check").fetchone()[0]
        self._part.notes.append(f"integrity_check {told}")
        if told != "ok":
            self._part.broken.append(f"SQLite: integrity_check says {told}")


def _require(answer: Answer, *statuses: int) -> None:
    if answer.status not in statuses:
        raise RuntimeError(f"answered {answer.status} {answer.body!r:.200}")


def _add(tally: Tally, part: Tally) -> None:
    for name in ("offered", "served", "faults", "lost", "wrongly_rejected", "wrongly_accepted"):
        setattr(tally, name, getattr(tally, name) + getattr(part, name))
    tally.notes += part.notes
    tally.broken += part.broken
