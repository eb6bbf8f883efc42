"""Mint: sign first, then one short transaction that settles, then answer.

Nothing is answered that did not commit. A signer that is down costs no refresh generation, and no signature is waited for while a row
is locked. Where nothing is stored (client credentials) there is no transaction at all.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.protocol.access_token import access_token_claims
from auth_server.protocol.authorization import ACCESS_TOKEN_TYPE, Authorization, RedeemCode, StartFamily, UseFamily
from auth_server.protocol.errors import InvalidRequest
from auth_server.protocol.id_token import ID_TOKEN_TYPE, id_token_claims
from auth_server.store.status_lists import StatusToken
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.tokens.families import Families, NewFamily
from auth_server.tokens.spending import spend
from auth_server.tokens.standing import Moment, Outdated, Standing
from auth_server.tokens.statuses import PlaceLost, Statuses
from auth_server.web.request_facts import RequestFacts
from shared import jose, scope


class Signer(Protocol):
    """What signs: the time in the claims is read before the check that this replica may still sign."""

    async def sign(self, claims: Mapping[str, object], typ: str, alg: str | None = None) -> str:
        """Like `sign_at`, of claims whose `iat` was read before this call."""

    async def sign_at(self, build: Callable[[int], Mapping[str, object]], typ: str, alg: str | None = None) -> str:
        """Return the compact JWS of the claims that `build` makes from the time, seconds since the epoch.

        Args:
            alg: the algorithm that is asked for, and no other; None for the server's default.

        Raises:
            KeyUnavailable: this replica may not sign now, or not with this algorithm.
        """

    def default_alg(self) -> str:
        """Return the algorithm of a token for which none is asked.

        Raises:
            KeyUnavailable: the key ring was not read yet.
        """


class Encryption(Protocol):
    """What encrypts a signed token to its resource."""

    async def encrypt(self, signed: str, jwks_uri: str) -> str:
        """Return the nested token (RFC 7519 section 11.2).

        Raises:
            KeyUnavailable: the resource's key is not known.
        """


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """A token response (RFC 6749 section 5.1). `status` is to be stored before it is given: the token's place in a status list."""

    access_token: str = field(repr=False)
    expires_in: int
    scope: frozenset[str]
    refresh_token: str | None = field(repr=False, default=None)
    id_token: str | None = field(repr=False, default=None)
    issued_token_type: str | None = None
    status: StatusToken | None = field(repr=False, default=None)

    def to_json(self) -> dict[str, object]:
        """Return the members as they stand on the wire."""
        members: dict[str, object] = {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
        }
        if self.refresh_token is not None:
            members["refresh_token"] = self.refresh_token
        if self.id_token is not None:
            members["id_token"] = self.id_token
        if self.issued_token_type is not None:
            members["issued_token_type"] = self.issued_token_type
        if self.scope:
            members["scope"] = scope.format(self.scope)
        return members


class TokenIssuer:
    """Turns authorizations into answers."""

    def __init__(
        self,
        *,
        store: Store,
        signer: Signer,
        families: Families,
        standing: Standing,
        encryption: Encryption,
        issuer: str,
        lifetime: int,
        statuses: Statuses | None = None,
    ) -> None:
        self._store = store
        self._standing = standing
        self._encryption = encryption
        self._signer = signer
        self._families = families
        self._issuer = issuer
        self._lifetime = lifetime
        self._statuses = statuses

    def moment(self) -> Moment:
        """Return when facts begin to be read; it is taken before them, and handed to `issue` with what was decided on them."""
        return self._standing.moment()

    async def issue(self, authorization: Authorization, facts: RequestFacts, moment: Moment | None = None) -> TokenAnswer | None:
        """Sign, settle, answer. None: what was read changed meanwhile, so read and decide again.

        Args:
            moment: when the facts of the authorization began to be read; `iat` says so. None: now.

        Raises:
            KeyUnavailable, StoreUnavailable: nothing was changed.
            InvalidGrant: what had to be spent was spent meanwhile; nothing else was changed.
            TemporarilyUnavailable: the client's tokens were revoked a moment ago.
        """
        since = moment or self._standing.moment()
        try:
            match authorization.settlement:
                case None:
                    return await self._with_spending_alone(authorization, since)
                case StartFamily(sid):
                    return await self._with_new_family(authorization, sid, facts, since)
                case UseFamily() as use:
                    return await self._with_used_family(authorization, use, facts, since)
                case RedeemCode() as redeem:
                    return await self._with_code(authorization, redeem, facts, since)
        except Outdated as outdated:
            await self._standing.catch_up(outdated)
        except PlaceLost as lost:
            if self._statuses is not None:
                self._statuses.let_go(lost.list_id)
        return None

    async def _with_spending_alone(self, authorization: Authorization, moment: Moment) -> TokenAnswer:
        self._standing.check_remembered(authorization.client.client_id, moment)
        answer = await self._signed(authorization, moment)
        if authorization.spends or answer.status is not None:
            await self._store.run(lambda tx: self._spend(tx, authorization, moment, answer))
        elif authorization.sign_in is not None:
            await self._store.read(lambda tx: self._standing.check(tx, authorization, moment))
        return answer

    def _spend(self, tx: Transaction, authorization: Authorization, moment: Moment, answer: TokenAnswer) -> None:
        self._standing.check(tx, authorization, moment)
        spend(tx, authorization)
        self._place(tx, answer)

    async def _with_new_family(
        self, authorization: Authorization, sid: str | None, facts: RequestFacts, moment: Moment
    ) -> TokenAnswer:
        family: NewFamily = self._families.draft()
        authorization = replace(authorization, grant_id=family.grant_id)
        answer = await self._signed(authorization, moment)

        def work(tx: Transaction) -> None:
            self._spend(tx, authorization, moment, answer)
            self._families.start(tx, family, authorization, sid, facts)

        await self._store.run(work)
        return replace(answer, refresh_token=family.token.text)

    async def _with_code(
        self, authorization: Authorization, redeem: RedeemCode, facts: RequestFacts, moment: Moment
    ) -> TokenAnswer | None:
        # The grant has a name whether it is refreshed or not: a replay of the code must be able to end its access tokens.
        family = self._families.draft()
        authorization = replace(authorization, grant_id=family.grant_id)
        answer = await self._signed(authorization, moment)
        client_id, person = authorization.client.client_id, authorization.person

        def work(tx: Transaction) -> bool:
            self._standing.check(tx, authorization, moment)
            # The account is held, so that no family begins behind the back of the act that ends them all.
            account = tx.accounts.lock(person)
            if account is None or account.is_disabled or not tx.authorization_codes.spend(redeem.digest, client_id, family.id):
                return False
            if redeem.refreshes:
                self._families.start(tx, family, authorization, redeem.sid, facts)
            self._place(tx, answer)
            record(tx, EventName.CODE_REDEEMED, facts=facts, sub=person, client_id=client_id, grant_id=family.grant_id)
            return True

        if not await self._store.run(work):
            return None
        return replace(answer, refresh_token=family.token.text) if redeem.refreshes else answer

    async def _with_used_family(
        self, authorization: Authorization, use: UseFamily, facts: RequestFacts, moment: Moment
    ) -> TokenAnswer | None:
        answer = await self._signed(authorization, moment)
        if not use.writes and answer.status is None:
            await self._store.read(lambda tx: self._standing.check(tx, authorization, moment))
            return replace(answer, refresh_token=use.presented)

        def work(tx: Transaction) -> str | None:
            self._standing.check(tx, authorization, moment)
            text = self._families.settle(tx, use, authorization, facts) if use.writes else use.presented
            if text is not None:
                self._place(tx, answer)
            return text

        text = await self._store.run(work)
        return None if text is None else replace(answer, refresh_token=text)

    def _lifetime_of(self, authorization: Authorization, moment: Moment) -> int:
        lifetime = min(self._lifetime, authorization.resource.access_token_lifetime or self._lifetime)
        if authorization.exchange is None:
            return lifetime
        # What was exchanged does not outlive what it was exchanged for.
        left = authorization.exchange.until - moment.now
        if left <= 0:
            raise InvalidRequest("the subject token has expired")
        return min(lifetime, left)

    async def _signed(self, authorization: Authorization, moment: Moment) -> TokenAnswer:
        lifetime = self._lifetime_of(authorization, moment)
        place = None if self._statuses is None else await self._statuses.draw()
        claims = access_token_claims(
            authorization,
            issuer=self._issuer,
            issued_at=moment.now,
            lifetime=lifetime,
            token_id=secrets.token_urlsafe(16),
            status=None if place is None or self._statuses is None else self._statuses.claim(place),
        )
        # The resource's word counts first: its servers refuse every other algorithm.
        alg = authorization.resource.signing_alg or authorization.client.signing_alg
        access_token = await self._signer.sign(claims, jose.ACCESS_TOKEN_TYPE, alg)
        if (keys_at := authorization.resource.encryption_jwks_uri) is not None:
            access_token = await self._encryption.encrypt(access_token, keys_at)
        kind = None if authorization.exchange is None else ACCESS_TOKEN_TYPE
        status = None if place is None or self._statuses is None else self._statuses.token(place, claims)
        answer = TokenAnswer(access_token, lifetime, authorization.scope, issued_token_type=kind, status=status)
        return answer if authorization.identity is None else replace(answer, id_token=await self._id_token(authorization, answer))

    async def _id_token(self, authorization: Authorization, answer: TokenAnswer) -> str:
        # Named before it is signed: the hash of the access token is by the algorithm of the ID token.
        alg = authorization.client.signing_alg or self._signer.default_alg()

        def build(issued_at: int) -> Mapping[str, object]:
            return id_token_claims(
                authorization, issuer=self._issuer, issued_at=issued_at, access_token=answer.access_token, alg=alg
            )

        return await self._signer.sign_at(build, ID_TOKEN_TYPE, alg)

    def _place(self, tx: Transaction, answer: TokenAnswer) -> None:
        if answer.status is not None and self._statuses is not None:
            self._statuses.settle(tx, answer.status)
