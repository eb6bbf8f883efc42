"""Spend what an answer stands for, in the transaction that settles it."""

from __future__ import annotations

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.protocol.authorization import Authorization, Spend, SpendKind
from auth_server.protocol.errors import InvalidGrant
from auth_server.store.transaction import Transaction


def spend(tx: Transaction, authorization: Authorization) -> None:
    """Spend everything, or refuse: the token that was signed meanwhile is thrown away.

    Raises:
        InvalidGrant: another request was quicker.
    """
    for each in authorization.spends:
        if not _spend(tx, each, authorization):
            raise InvalidGrant("this was used before", detail=f"{each.kind.value} spent already")


def _spend(tx: Transaction, each: Spend, authorization: Authorization) -> bool:
    client_id = authorization.client.client_id
    if each.kind is SpendKind.ASSERTION:
        return tx.assertions.spend(each.digest, each.until)
    spent = tx.device_codes.spend(each.digest, client_id)
    if spent:
        record(tx, EventName.DEVICE_REDEEMED, sub=authorization.subject, client_id=client_id)
    return spent
