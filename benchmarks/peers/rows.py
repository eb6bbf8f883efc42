"""The rows: how each is tried, and what the kit must do in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from benchmarks.peers.issuer import Issuer, Realm, sign
from benchmarks.peers.process import Peer

Value = bool | float | None

# Seconds after which a removed key is tried again.
LOOKS: Final = (30, 120, 240, 264, 300, 330, 600, 660, 3600, 3700, 86_400, 90_000)
_FLOOD: Final = 200
_BURNED_SECONDS: Final = 5.0
_MOST_FETCHES: Final = 6
_MOST_STALL_MS: Final = 200.0


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its key, what is tried, how a value is said, what the kit must do, and whether it needs a shifted clock."""

    key: str
    what: str
    said: Callable[[Value], str]
    right: Callable[[Value], bool]
    shifted: bool = False


def _accepted(value: Value) -> str:
    return "accepted" if value else "**rejected**"


def _ok(value: Value) -> str:
    return "ok" if value else "**rejected**"


def _must_not(value: Value) -> str:
    return "**yes**" if value else "no"


def _must(value: Value) -> str:
    return "yes" if value else "**no**"


def _seconds(value: Value) -> str:
    return "**never** (still after 90,000 s)" if value is None else f"{value:,.0f} s"


def _is_true(value: Value) -> bool:
    return value is True


def _is_false(value: Value) -> bool:
    return value is False


ROWS: Final = (
    Row("good", "A good token (control)", _ok, _is_true),
    Row("forged", "A forged token accepted (control)", _must_not, _is_false),
    Row("new_key", "Token signed by a key 1 s old (the issuer rotates without pre-publishing)", _accepted, _is_true),
    Row("later", "Same, 35 s later", _accepted, _is_true, True),
    Row("fetches", "Fetches caused by 200 unknown `kid`s", lambda v: f"{v:.0f}", lambda v: v is not None and v <= _MOST_FETCHES),
    Row("after_flood", "Genuine new key, 1 s old, just after such a flood", _accepted, _is_true, True),
    Row("down_280", "Known key, issuer down 280 s", _ok, _is_true, True),
    Row("down_700", "… down 700 s", _ok, _is_true, True),
    Row("down_4000", "… down 4,000 s", _ok, _is_true, True),
    Row("removed", "A removed (compromised) key stops being trusted after", _seconds, lambda v: v is not None and v <= 300, True),
    Row("burned", "A burned key is refused 5 s after the issuer said so", _must, _is_true),
    Row(
        "stall",
        "Event loop blocked while the key set takes 1 s",
        lambda v: f"{v:,.0f} ms" if v is not None and v < _MOST_STALL_MS else f"**{v:,.0f} ms**",
        lambda v: v is not None and v < _MOST_STALL_MS,
    ),
    Row("typ", "`typ: JWT` (an ID token) taken as access token", _must_not, _is_false),
    Row("no_exp", "Token with no `exp` accepted", _must_not, _is_false),
    Row("nbf", "`nbf` one hour ahead accepted", _must_not, _is_false),
    Row("iat", "`iat` 4 s ahead (ordinary clock drift)", _ok, _is_true),
)
Found = dict[str, Value]


def try_in_real_time(peer: Peer, issuer: Issuer, found: Found) -> None:
    """Try a library in the rows that need no other clock."""
    for scenario in (_claims, _stall, _burning):
        scenario(peer, issuer.realm(), found)


def try_in_shifted_time(peer: Peer, issuer: Issuer, found: Found) -> None:
    """Try it in the others; what needs a shifted clock is left out where there is none."""
    for scenario in (_rotation, _outage, _removal):
        scenario(peer, issuer.realm(peer.ahead), found)


def _claims(peer: Peer, realm: Realm, found: Found) -> None:
    peer.new(realm)
    now = realm.now()
    found["good"] = peer.accepts(realm.token())
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    claims = {"iss": realm.url, "sub": "mallory", "aud": "https://api.example", "client_id": "app", "jti": "x"}
    header = {"alg": "RS256", "typ": "at+jwt", "kid": "A"}
    found["forged"] = peer.accepts(sign(stranger, header, {**claims, "iat": now, "exp": now + 600}))
    found["typ"] = peer.accepts(realm.token(header={"typ": "JWT"}))
    found["no_exp"] = peer.accepts(realm.token(exp=...))
    found["nbf"] = peer.accepts(realm.token(nbf=now + 3600))
    found["iat"] = peer.accepts(realm.token(iat=realm.now() + 4))


def _stall(peer: Peer, realm: Realm, found: Found) -> None:
    # A library that needs the keys to be made has them before anything is slow; the others fetch when the token comes.
    peer.new(realm)
    realm.delay = 1.0
    token = realm.token()
    before = realm.fetches
    stalled = peer.stall(token)
    if realm.fetches > before:
        found["stall"] = stalled


def _rotation(peer: Peer, realm: Realm, found: Found) -> None:
    peer.new(realm)
    peer.accepts(realm.token())
    _publish(realm, "A", "B")
    found["new_key"] = peer.accepts(realm.token("B"))
    if peer.can_shift:
        peer.let_time_pass(35, realm)
        found["later"] = peer.accepts(realm.token("B"))
        peer.let_time_pass(60, realm)
    flood = [realm.token(header={"kid": f"unknown-{number}"}) for number in range(_FLOOD)]
    before = realm.fetches
    peer.accepted_of(flood)
    found["fetches"] = float(realm.fetches - before)
    if peer.can_shift:
        _publish(realm, "A", "B", "C")
        found["after_flood"] = peer.accepts(realm.token("C"))


def _outage(peer: Peer, realm: Realm, found: Found) -> None:
    if not peer.can_shift:
        return
    peer.new(realm)
    peer.accepts(realm.token())
    realm.down = True
    passed = 0
    for seconds in (280, 700, 4000):
        peer.let_time_pass(seconds - passed, realm)
        passed = seconds
        found[f"down_{seconds}"] = peer.accepts(realm.token())


def _removal(peer: Peer, realm: Realm, found: Found) -> None:
    if not peer.can_shift:
        return
    peer.new(realm)
    peer.accepts(realm.token())
    realm.keys = ("B",)
    passed = 0
    found["removed"] = None
    for seconds in LOOKS:
        peer.let_time_pass(seconds - passed, realm)
        passed = seconds
        if not peer.accepts(realm.token()):
            found["removed"] = float(seconds)
            return


def _burning(peer: Peer, realm: Realm, found: Found) -> None:
    peer.new(realm)
    peer.accepts(realm.token())
    time.sleep(0.5)  # whoever listens to the feed has asked it by now
    realm.burn("A", "B")
    time.sleep(_BURNED_SECONDS)
    found["burned"] = not peer.accepts(realm.token())


def _publish(realm: Realm, *names: str) -> None:
    for name in names:
        realm.token(name)  # makes the key before the second counts
    realm.keys = names
    time.sleep(1.1)
