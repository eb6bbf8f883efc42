"""R7: one thing that may be used once is used by two dozen requests at the same instant, over HTTP, again and again, on both databases (on
PostgreSQL spread over two issuers): an authorization code, an assertion, a device code, a refresh token. There is exactly one winner each.

Of a refresh token the winner makes the successor; everybody else who is answered gets the very same one, and nobody is logged out.
Reduced: two hundred rounds in about two minutes on two quiet cores.
"""

from __future__ import annotations

import hashlib
import json
import random
import secrets
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import text

from auth_server.store.device_codes import Approver, NewDevice
from auth_server.store.store import Store
from docs.demo.story import Answer
from tests.drills.authorizations import APP, a_client, a_code, exchange
from tests.drills.home import KINDS, Home, a_home, ask, login, refresh, register
from tests.drills.site import API
from tests.drills.tally import Tally
from tests.support.assertions import ASSERTION_TYPE, SigningParty

AT_ONCE: Final = 24
# One that rotates and twenty replays; whoever comes later is told to come again (429).
REFRESHES_AT_ONCE: Final = 20
ROUNDS, ROUNDS_IN_FULL = 25, 2_500
_DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_SIGNER: Final = "drill-signer"

Use = Callable[[str], Answer | None]


def run(*, full: bool) -> Tally:
    """Carry the drill out."""
    tally = Tally("R7")
    for kind in KINDS:
        with a_home(kind, count=2 if kind == "PostgreSQL" else 1, TRUSTED_PROXIES="127.0.0.1 ::1") as home:
            races = _prepare(home)
            try:
                for _ in range(ROUNDS_IN_FULL if full else ROUNDS):
                    for race in races.all():
                        race(tally)
            finally:
                races.close()
    wins = ", ".join(f"{count} of {name}" for name, count in sorted(_won(tally).items()))
    tally.notes = [f"rounds with one winner: {wins}"]
    return tally


def _won(tally: Tally) -> dict[str, int]:
    counts: dict[str, int] = {}
    for note in tally.notes:
        counts[note] = counts.get(note, 0) + 1
    return counts


@dataclass
class Races:
    """What is raced for on one database."""

    home: Home
    store: Store
    sub: str
    sid: str
    signer: SigningParty
    pool: ThreadPoolExecutor

    def all(self) -> list[Callable[[Tally], None]]:
        """Return every race."""
        return [self.code, self.assertion, self.device, self.refresh]

    def close(self) -> None:
        """Let go of threads and the database."""
        self.pool.shutdown()
        self.store.close()

    def code(self, tally: Tally) -> None:
        """An authorization code."""
        code, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        self.store.run_blocking(
            lambda tx: tx.authorization_codes.add(a_code(code, verifier, self.sub, self.sid), lifetime_ms=60_000)
        )
        answers = self._at_once(AT_ONCE, lambda url: exchange(url, code, verifier))
        self._judge(tally, "codes", answers, refused={"invalid_grant"})

    def assertion(self, tally: Tally) -> None:
        """A client assertion, by its `jti`."""
        issuer = self.home.environment["AUTH_SERVER_ISSUER"]
        jti = secrets.token_urlsafe(16)
        assertion = self.signer.assertion(_SIGNER, now=int(time.time()), aud=issuer, jti=jti)
        form = {
            "grant_type": "client_credentials",
            "resource": API,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        answers = self._at_once(AT_ONCE, lambda url: _from_anywhere(url + "/token", form))
        self._judge(tally, "assertions", answers, refused={"invalid_client", "invalid_grant"})

    def device(self, tally: Tally) -> None:
        """A device code that was approved a moment ago."""
        code, user_digest = secrets.token_urlsafe(32), secrets.token_bytes(32)
        digest = hashlib.sha256(code.encode()).digest()
        new = NewDevice(digest, user_digest, APP, frozenset({"notes:read"}), API, "192.0.2.7", None, 600_000, 1)
        approver = Approver(self.sub, self.sid, int(time.time()), "1", ("pwd",))
        self.store.run_blocking(lambda tx: tx.device_codes.begin(new))
        self.store.run_blocking(lambda tx: tx.device_codes.decide(user_digest, approver, sub=self.sub))
        form = {"grant_type": _DEVICE_GRANT, "client_id": APP, "device_code": code}
        answers = self._at_once(AT_ONCE, lambda url: ask("POST", url + "/token", form=form))
        self._judge(tally, "device codes", answers, refused={"invalid_grant", "slow_down", "expired_token"})

    def refresh(self, tally: Tally) -> None:
        """A refresh token: one successor, nobody is logged out, and the successor works."""
        token = self._family()
        answers = self._at_once(REFRESHES_AT_ONCE, lambda url: refresh(url, token, APP))
        tally.offered += len(answers)
        given = {answer.body["refresh_token"] for answer in answers if answer is not None and answer.status == 200}
        refused = [answer for answer in answers if answer is None or answer.status not in (200, 429, 503)]
        tally.served += len(answers) - len(refused)
        tally.wrongly_rejected += len(refused)
        after = refresh(self.home.url, given.copy().pop(), APP) if given else None
        if len(given) != 1 or given == {token}:
            tally.broken.append(f"{self.home.kind}: {len(given)} successors of one refresh token")
        elif after is None or after.status != 200:
            tally.broken.append(f"{self.home.kind}: the successor is worth nothing: {after!r:.200}")
        else:
            tally.notes.append("refresh tokens")

    def _family(self) -> str:
        code, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        self.store.run_blocking(
            lambda tx: tx.authorization_codes.add(a_code(code, verifier, self.sub, self.sid), lifetime_ms=60_000)
        )
        answer = exchange(self.home.url, code, verifier)
        if answer is None or answer.status != 200:
            raise RuntimeError(f"no family: {answer}")
        token: str = answer.body["refresh_token"]
        return token

    def _at_once(self, count: int, use: Use) -> list[Answer | None]:
        gate = threading.Barrier(count)

        def one(number: int) -> Answer | None:
            gate.wait()
            return use(self.home.urls[number % len(self.home.urls)])

        return list(self.pool.map(one, range(count)))

    def _judge(self, tally: Tally, what: str, answers: list[Answer | None], *, refused: set[str]) -> None:
        winners = [answer for answer in answers if answer is not None and answer.status == 200]
        others = [answer for answer in answers if answer is None or answer.status != 200]
        wrong = [answer for answer in others if answer is None or answer.body.get("error") not in refused]
        tally.offered += len(answers)
        tally.served += len(answers) - len(wrong)
        tally.wrongly_accepted += max(0, len(winners) - 1)
        if len(winners) != 1 or wrong:
            tally.broken.append(f"{self.home.kind}: {len(winners)} winners of {what}; {[_short(each) for each in wrong][:2]}")
        else:
            tally.notes.append(what)


def _from_anywhere(url: str, form: dict[str, str]) -> Answer | None:
    """Post a form as somebody at an address of his own: one address alone would be slowed down for its failures."""
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Forwarded-For": ".".join(str(random.randrange(1, 255)) for _ in range(4)),
    }
    asked = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return Answer(answer.status, {}, json.loads(answer.read()))
    except urllib.error.HTTPError as refusal:
        return Answer(refusal.code, {}, json.loads(refusal.read()))
    except OSError:
        return None


def _short(answer: Answer | None) -> Any:
    return None if answer is None else (answer.status, answer.body)


def _prepare(home: Home) -> Races:
    signer = SigningParty(ec.generate_private_key(ec.SECP256R1()), "ES256", "drill")
    keys = home.folder / "jwks.json"
    keys.write_text(signer.jwks, encoding="utf-8")
    a_client(home, _DEVICE_GRANT)
    home.operate(
        *("client", "create", "--client-id", _SIGNER, "--auth-method", "private_key_jwt", "--jwks-file", str(keys)),
        *("--grant", "client_credentials", "--scope", "notes:read"),
    )
    for number in range(len(home.urls)):
        home.start(number)
    register(home, "racer")
    answer = login(home, "racer")
    if answer is None or answer.status != 200:
        raise RuntimeError(f"nobody can sign in: {answer}")
    store = home.store()
    with store.engines.read.connect() as connection:
        sub, sid = connection.execute(text("SELECT sub, sid FROM session")).one()
    return Races(home, store, sub, sid, signer, ThreadPoolExecutor(AT_ONCE))
