"""R24: a backup is made under load at a random moment, things are taken away after it, and the backup is put back: nothing that was taken
away may come back. With the journal of withdrawals, and without it, on both databases.

After each backup: a token given back, an access token revoked, a sign-out, an account disabled, a reuse detected, a key burned, and a
family that rotates beyond its row. The oracle is a client that wrote down what was acknowledged. Families that are ahead of their restored
row are refused and halt nothing. Reduced: eight restores in about three minutes on two quiet cores.
"""

from __future__ import annotations

import json
import random
import secrets
import shutil
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import text

from auth_server.audit.withdrawals import FILE_NAME
from docs.demo.story import Answer
from tests.drills.authorizations import a_client, an_authorization
from tests.drills.home import FIRST_PARTY, KINDS, Home, a_home, ask, login, refresh, register
from tests.drills.tally import Journal, Tally, entries
from tests.support.keys import claims_of

RESTORES, RESTORES_IN_FULL = 4, 25
_HELD: Final = "notes:read"


def run(*, full: bool) -> Tally:
    """Carry the drill out."""
    tally = Tally("R24")
    for kind in KINDS:
        # A family may rotate at once, so that it is ahead of its row a moment after the backup; a replaced token is reuse at once.
        with a_home(kind, REFRESH_QUIET_WINDOW="0", REFRESH_RETRY_GRACE="0") as home:
            a_client(home)
            home.start()
            for number in range(RESTORES_IN_FULL if full else RESTORES):
                Restore(home, tally, number, with_journal=number % 2 == 0).carry_out()
    tally.notes.append(
        f"{tally.faults} restores, half of them without the journal; resurrected revocations {tally.wrongly_accepted}"
    )
    return tally


@dataclass
class Person:
    """Somebody who signed in before the backup, and what she holds."""

    username: str
    access: str
    token: str
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def claims(self) -> dict[str, Any]:
        """What her access token says."""
        return dict(claims_of(self.access))


class Restore:
    """One backup, what happens after it, and its return."""

    def __init__(self, home: Home, tally: Tally, number: int, *, with_journal: bool) -> None:
        self._home, self._tally, self._with_journal = home, tally, with_journal
        self._path = home.folder / f"{number}.backup"
        self._journal = Journal(home.folder / f"restore-{number}.journal")
        self._stop = threading.Event()

    def carry_out(self) -> None:
        """Make it, take things away, put it back, look."""
        people = {
            what: self._person(what) for what in ("gives-back", "token", "signs-out", "disabled", "reuse", "ahead", "stays")
        }
        load = threading.Thread(target=self._load, daemon=True)
        load.start()
        time.sleep(random.uniform(0, 0.5))
        self._home.operate("backup", "create", "--output", str(self._path))
        self._take_away(people)
        time.sleep(random.uniform(0, 0.3))
        self._stop.set()
        load.join(30)
        self._put_back()
        self._look(people)

    def _person(self, what: str) -> Person:
        username = f"{what}-{secrets.token_hex(4)}"
        _good(register(self._home, username), 201)
        answer = _good(login(self._home, username), 200)
        return Person(username, answer.body["access_token"], answer.body["refresh_token"])

    def _load(self) -> None:
        """Others go on refreshing all the while."""
        token = self._person("load").token
        while not self._stop.is_set():
            answer = refresh(self._home.url, token)
            if answer is not None and answer.status == 200:
                token = answer.body["refresh_token"]
            time.sleep(0.02)

    def _take_away(self, people: dict[str, Person]) -> None:
        url = self._home.url
        self._revoke("gives-back", people["gives-back"].token)
        self._revoke("token", people["token"].access)
        _good(ask("POST", url + "/api/logout", json_body={"refresh_token": people["signs-out"].token}), 204)
        self._acknowledged("signs-out")
        self._home.operate("user", "disable", people["disabled"].username)
        self._acknowledged("disabled")
        reused = people["reuse"]
        first = reused.token
        reused.token = _good(refresh(url, first), 200).body["refresh_token"]
        _good(refresh(url, first), 400)
        self._acknowledged("reuse")
        ahead = people["ahead"]
        for _ in range(2):
            ahead.token = _good(refresh(url, ahead.token), 200).body["refresh_token"]
        # Begun since the backup, and ended: the database will know neither.
        _code, late = an_authorization(self._home, people["stays"].username)
        self._revoke("late", late["refresh_token"], "drill-app")
        people["late"] = Person("late", late["access_token"], late["refresh_token"])
        keys = self._home.operate("key", "list")["rings"][0]["keys"]
        kid = next(key["kid"] for key in keys if key["state"] == "active")
        self._home.operate("key", "burn", "--yes", "--reason", "drill", "--", kid)
        self._acknowledged("key", kid=kid)

    def _revoke(self, what: str, token: str, client_id: str = FIRST_PARTY) -> None:
        _good(ask("POST", self._home.url + "/revoke", form={"token": token, "client_id": client_id}), 200)
        self._acknowledged(what)

    def _acknowledged(self, what: str, **about: str) -> None:
        self._tally.offered += 1
        self._journal.add(what=what, **about)

    def _put_back(self) -> None:
        home, data = self._home, self._home.folder / "data"
        home.stop()
        if not self._with_journal:
            (data / FILE_NAME).unlink()
        home.operate("backup", "restore", str(self._path), "--yes")
        home.start(wait=False)
        time.sleep(0.5)
        answer = login(home, "nobody-there")
        if answer is not None and answer.status == 200:
            self._tally.broken.append(f"{home.kind}: somebody signed in before `restore finish`")
        home.stop()
        told = home.operate("restore", "finish", "--accept-unknown-key")
        if told["withdrawals_journal_found"] is not self._with_journal:
            self._tally.broken.append(f"{home.kind}: the journal was {'not ' if self._with_journal else ''}found")
        home.start()
        self._tally.faults += 1

    def _look(self, people: dict[str, Person]) -> None:
        dead = self._on_feed()
        for entry in entries(self._journal.path):
            what = entry["what"]
            alive = self._is_alive_key(entry["kid"]) if what == "key" else self._comes_back(what, people[what], dead)
            if alive:
                self._tally.wrongly_accepted += 1
                how = "with" if self._with_journal else "without"
                self._tally.broken.append(f"{self._home.kind}, {how} the journal: {what} came back: {alive}")
            else:
                self._tally.served += 1
        self._look_at_the_others(people)
        verified = self._home.operate("audit", "verify")
        if verified["broken_at"] is not None:
            self._tally.broken.append(f"{self._home.kind}: the audit chain breaks at {verified['broken_at']}")
        shutil.rmtree(self._path, ignore_errors=True)

    def _comes_back(self, what: str, person: Person, dead: set[tuple[str, str]]) -> str | None:
        """Say what of a person's is alive that must not be; None when nothing is."""
        claims = person.claims
        named = {("jti", claims["jti"]), ("grant", str(claims.get("grant_id"))), ("sid", str(claims.get("sid"))), ("all_nbf", "")}
        if not (named | {("sub_nbf", claims["sub"]), ("client_nbf", claims["client_id"])}) & dead:
            return "its access token is not on the feed"
        if what == "token":
            return None  # the family of an access token that was revoked lives on
        client_id = claims["client_id"]
        answer = refresh(self._home.url, person.token, client_id)
        if answer is None or answer.status != 400:
            return f"its refresh token was answered {answer and answer.status}"
        if what == "disabled" and self._with_journal:
            again = login(self._home, person.username)
            if again is None or again.status != 401:
                return f"the disabled account was answered {again and again.status}"
        return None

    def _look_at_the_others(self, people: dict[str, Person]) -> None:
        """Whoever is ahead of her row is refused, and halts nothing; whoever did nothing goes on, if it is known that she may."""
        ahead = refresh(self._home.url, people["ahead"].token)
        if ahead is None or ahead.status != 400:
            self._tally.broken.append(f"{self._home.kind}: a token ahead of its row was answered {ahead and ahead.status}")
        stays = refresh(self._home.url, people["stays"].token)
        wanted = 200 if self._with_journal else 400
        if stays is None or stays.status != wanted:
            self._tally.wrongly_rejected += 1
            self._tally.broken.append(f"{self._home.kind}: who did nothing was answered {stays and stays.status}, not {wanted}")
        again = login(self._home, people["ahead"].username)
        if again is None or again.status != 200:
            self._tally.wrongly_rejected += 1
            self._tally.broken.append(f"{self._home.kind}: who is ahead cannot sign in again: {again!r:.200}")

    def _is_alive_key(self, kid: str) -> str | None:
        answer = _good(ask("GET", self._home.url + "/.well-known/jwks.json"), 200)
        if kid in {key["kid"] for key in answer.body["keys"]}:
            return "the burned key is published"
        return None if kid in answer.body["revoked"] else "the burned key is not named among the dead"

    def _on_feed(self) -> set[tuple[str, str]]:
        store = self._home.store()
        with store.engines.read.connect() as connection:
            found = {(row[0], row[1]) for row in connection.execute(text("SELECT kind, key FROM feed_entry"))}
        store.close()
        return found


def _good(answer: Answer | None, status: int) -> Answer:
    if answer is None or answer.status != status:
        body = None if answer is None else json.dumps(answer.body) if isinstance(answer.body, dict) else answer.body
        raise RuntimeError(f"answered {answer and answer.status} instead of {status}: {body!r:.300}")
    return answer
