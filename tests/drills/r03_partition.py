"""R3: the network between a resource server and its issuer fails in every way, and a key is promoted meanwhile.

In real time a proxy stands between the two; the issuer is a process, and its tokens come by another way. Then the same for 23 h 55 min
by a moved clock: that is as long as an RS may be cut off with the default timings (N - W_pub), less nothing.
"""

from __future__ import annotations

import random
import time
from typing import Final

from resource_server import Guard
from tests.drills.lone_issuer import LoneIssuer, a_lone_issuer
from tests.drills.presenting import MovedClock, Presenting, spoil, wake
from tests.drills.proxy import FAULTS, PASS, Proxy
from tests.drills.site import API
from tests.drills.tally import Tally
from tests.resource_server.support import AUDIENCE, Reply, a_token, an_issuer, claims, jwks, rs256, rsa_jwk, rsa_key

SECONDS, SECONDS_IN_FULL = 8.0, 100.0
RECOVERED_WITHIN: Final = 30.0
REFRESH: Final = 2.0
CUT_OFF: Final = 23 * 3600 + 55 * 60
_STEP: Final = 300
_EACH_STEP: Final = 40


def run(*, full: bool) -> Tally:
    """Carry the drill out."""
    tally = Tally("R3")
    with a_lone_issuer() as issuer:
        _in_real_time(issuer, SECONDS_IN_FULL if full else SECONDS, tally)
    _for_a_day(tally)
    return tally


def _in_real_time(issuer: LoneIssuer, seconds: float, tally: Tally) -> None:
    proxy = Proxy(issuer.url)
    guard = Guard(
        issuer=issuer.url,
        audience=API,
        metadata_url=proxy.url,
        jwks_refresh=REFRESH,
        cached_tokens=0,
        on_event=lambda *_: None,
    )
    present, tokens, slowest, promoted = Presenting(guard, tally), [_first(issuer)], 0.0, ""
    try:
        if not guard.warm(20).ready and guard.statistics()["keys"] == 0:
            tally.broken.append("no keys before the first fault")
        for fault in FAULTS:
            proxy.mode = fault
            tally.faults += 1
            if fault == "half-open":
                promoted = issuer.promote()
            _verify(issuer, present, tokens, seconds)
            if fault != "delay" and not present.is_degraded:
                tally.broken.append(f"{fault}: not told to be degraded after {seconds:.0f} s")
            proxy.mode = PASS
            slowest = max(slowest, _recovery(issuer, present, tokens))
        if slowest > RECOVERED_WITHIN:
            tally.broken.append(f"recovered only {slowest:.1f} s after a heal")
        if not promoted:
            tally.broken.append("no promotion")
    finally:
        guard.close()
        proxy.stop()
    tally.notes.append(f"real time: {len(FAULTS)} faults of {seconds:.0f} s, one promotion, recovered within {slowest:.1f} s")
    tally.notes.append(f"{present.told_to_come_again} times told to come again (503)")
    tally.broken += [f"{reason} {count} times" for reason, count in present.reasons.items() if reason == "unknown_key"]


def _first(issuer: LoneIssuer) -> str:
    token = issuer.token()
    if token is None:
        raise RuntimeError("the issuer gives no token")
    return token


def _verify(issuer: LoneIssuer, present: Presenting, tokens: list[str], seconds: float) -> None:
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        token = issuer.token()
        if token is not None:
            tokens.append(token)
        for _ in range(200):
            present.must_accept(random.choice(tokens))
        present.must_refuse(spoil(tokens[-1]))
        time.sleep(0.1)


def _recovery(issuer: LoneIssuer, present: Presenting, tokens: list[str]) -> float:
    healed_at = time.monotonic()
    while present.is_degraded and time.monotonic() < healed_at + 2 * RECOVERED_WITHIN:
        present.must_accept(random.choice(tokens))
        time.sleep(0.05)
    took = time.monotonic() - healed_at
    _verify(issuer, present, tokens, 0.5)
    return took


def _for_a_day(tally: Tally) -> None:
    """Cut a resource server off for as long as the default timings allow, with a promotion in the middle."""
    clock, kids = MovedClock(), ("one", "two")
    with an_issuer() as server:
        proxy = Proxy(server.url)
        metadata = server.replies["/.well-known/openid-configuration"]
        server.replies["/jwks"] = Reply(jwks(*(rsa_jwk(kid) for kid in kids), epoch=1))
        guard = Guard(
            issuer=server.url,
            audience=AUDIENCE,
            metadata_url=proxy.url,
            cached_tokens=0,
            clock=clock.wall,
            monotonic=clock.monotonic,
            on_event=lambda *_: None,
        )
        present = Presenting(guard, tally)
        try:
            guard.warm(10)
            assert metadata.body
            # An answer that is refused at once: what hangs would make each of the 287 steps last for the bound of a fetch.
            proxy.mode = "reset"
            tally.faults += 1
            for step in range(CUT_OFF // _STEP):
                clock.ahead += _STEP
                kid = kids[step * _STEP > CUT_OFF // 2]
                for number in range(_EACH_STEP):
                    present.must_accept(_minted(server.url, kid, clock, f"{step}-{number}"))
                present.must_refuse(spoil(_minted(server.url, kid, clock, f"{step}-x")))
                wake(guard)
            if not present.is_degraded:
                tally.broken.append("not told to be degraded after 23 h 55 min")
            proxy.mode = PASS
            took = _recovery_moved(clock, present)
        finally:
            guard.close()
            proxy.stop()
    if took > RECOVERED_WITHIN:
        tally.broken.append(f"recovered only {took:.0f} s after a heal (moved clock)")
    tally.notes.append(f"moved clock: cut off for {CUT_OFF // 3600} h {CUT_OFF % 3600 // 60} min, recovered within {took:.0f} s")


def _minted(issuer: str, kid: str, clock: MovedClock, jti: str) -> str:
    now = int(clock.wall())
    header = {"alg": "RS256", "typ": "at+jwt", "kid": kid}
    return a_token(claims(iss=issuer, iat=now, exp=now + 600, jti=jti), header, rs256(rsa_key(kid))).decode()


def _recovery_moved(clock: MovedClock, present: Presenting) -> float:
    """Let a second pass at a time; return after how many the keys were fresh again."""
    began = clock.ahead
    while present.is_degraded and clock.ahead - began < 2 * RECOVERED_WITHIN:
        clock.ahead += 1
        wake(present.guard)
        time.sleep(0.1)
    return clock.ahead - began
