"""Begin, look up, approve and deny.

A page uses it so: `look_up` what was typed, show the person what asks and from where, and then `approve` or `deny` by the same code.
Each of the three counts a wrong code as a try, so no order of calls is a way around the limit.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.protocol import user_code
from auth_server.protocol.client import Client
from auth_server.protocol.errors import StoreUnavailable, TooManyRequests
from auth_server.protocol.polling import INTERVAL_SECONDS
from auth_server.rate_limits.user_codes import UserCodeLimits
from auth_server.store.device_codes import Approver, Device, NewDevice
from auth_server.store.sessions import Session
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.web.request_facts import RequestFacts

_MAX_USER_AGENT: Final = 200
# Of 20^8 codes, the chance of meeting one that is in use is nothing; a second draw costs nothing either.
_DRAWS: Final = 5
# Does something with the device behind the digest of a user code; None when none waits there.
_Act = Callable[[Transaction, bytes], Device | None]


class UnknownUserCode(Exception):
    """No device waits under this code: mistyped, over, or decided already. Which of these is told to nobody."""


class TooManyTries(Exception):
    """Too many wrong codes from this address or in this session; `retry_after` in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many wrong user codes")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Begun:
    """What the device is told (RFC 8628 section 3.2). Durations in seconds."""

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)
    expires_in: int
    interval: int = INTERVAL_SECONDS


class Devices:
    """Devices that wait for a person. `lifetime` of a code in seconds."""

    def __init__(self, *, store: Store, limits: UserCodeLimits, lifetime: float) -> None:
        self._store = store
        self._limits = limits
        self._lifetime_ms = round(lifetime * 1000)

    async def begin(
        self, client: Client, scope: frozenset[str] | None, resource: str | None, facts: RequestFacts, user_agent: str | None
    ) -> Begun:
        """Start waiting for an approval.

        Raises:
            TooManyRequests: more devices than one address may have begin at once.
            StoreUnavailable: nothing was stored.
        """
        device_code = secrets.token_urlsafe(32)
        new = NewDevice(
            device_digest=digest(device_code),
            user_digest=b"",
            client_id=client.client_id,
            scope=scope,
            resource=resource,
            address=facts.address,
            user_agent=_shown(user_agent),
            lifetime_ms=self._lifetime_ms,
            interval_ms=INTERVAL_SECONDS * 1000,
        )

        def work(tx: Transaction) -> str | int:
            wait = self._limits.begin(tx, facts)
            return self._draw(tx, new) if wait is None else wait

        code = await self._store.run(work)
        if isinstance(code, int):
            raise TooManyRequests("too many devices ask from this address", retry_after=code)
        return Begun(device_code, user_code.shown(code), self._lifetime_ms // 1000)

    async def look_up(self, typed: str, facts: RequestFacts, sid: str) -> Device:
        """Return the device that waits under a code; a wrong code counts as a try.

        Args:
            sid: of the session in which it was typed.

        Raises:
            UnknownUserCode, TooManyTries, StoreUnavailable.
        """
        return await self._counted(typed, facts, sid, lambda tx, key: tx.device_codes.find_open(key))

    async def approve(self, typed: str, session: Session, facts: RequestFacts) -> Device:
        """Let the device in, in the name of the person of this session. Whoever calls has asked that person.

        Raises:
            UnknownUserCode: also when somebody decided meanwhile. TooManyTries, StoreUnavailable.
        """
        approver = Approver(session.sub, session.sid, session.auth_time, session.acr, session.amr)

        def decide(tx: Transaction, key: bytes) -> Device | None:
            device = tx.device_codes.decide(key, approver, sub=session.sub)
            if device is not None:
                _record(tx, EventName.DEVICE_APPROVED, device, session.sub, session.sid, facts)
            return device

        return await self._counted(typed, facts, session.sid, decide)

    async def deny(self, typed: str, session: Session, facts: RequestFacts) -> Device:
        """Turn the device away.

        Raises:
            Like `approve`.
        """

        def decide(tx: Transaction, key: bytes) -> Device | None:
            device = tx.device_codes.decide(key, None, sub=session.sub)
            if device is not None:
                _record(tx, EventName.DEVICE_DENIED, device, session.sub, session.sid, facts)
            return device

        return await self._counted(typed, facts, session.sid, decide)

    async def _counted(self, typed: str, facts: RequestFacts, sid: str, act: _Act) -> Device:
        code = user_code.normalise(typed)

        def work(tx: Transaction) -> Device | int | None:
            # Counted before the code is looked at, in one transaction with it: parallel tries cannot outrun the counter.
            tries = self._limits.take(tx, facts, sid)
            if tries.retry_after is not None:
                return tries.retry_after
            device = None if code is None else act(tx, digest(code))
            if device is not None:
                self._limits.give_back(tx, tries)
            return device

        outcome = await self._store.run(work)
        if isinstance(outcome, int):
            raise TooManyTries(outcome)
        if outcome is None:
            raise UnknownUserCode("no device waits under this code")
        return outcome

    def _draw(self, tx: Transaction, new: NewDevice) -> str:
        for _ in range(_DRAWS):
            code = user_code.make(secrets.randbelow)
            if not tx.device_codes.is_taken(digest(code)):
                tx.device_codes.begin(replace(new, user_digest=digest(code)))
                return code
        raise StoreUnavailable("no free user code was found")


def digest(code: str) -> bytes:
    """Return what is stored of a device code, or of a normalised user code."""
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()


def _record(tx: Transaction, name: EventName, device: Device, sub: str, sid: str, facts: RequestFacts) -> None:
    record(tx, name, facts=facts, sub=sub, sid=sid, client_id=device.client_id)


def _shown(user_agent: str | None) -> str | None:
    if user_agent is None:
        return None
    return "".join(character for character in user_agent[:_MAX_USER_AGENT] if character.isprintable())
