"""What people allowed clients, and what ends when they take it back."""

from __future__ import annotations

from tests.support.auth_app import Issuer
from tests.support.builders import NOTES


async def test_consents_add_up_and_are_listed(issuer: Issuer) -> None:
    sub = await issuer.sub()

    for scope in ("notes:read", "notes:write"):
        await issuer.store.run(
            lambda tx, scope=scope: issuer.services.consents.remember(tx, sub, "app", NOTES, frozenset({scope}))
        )

    (consent,) = await issuer.services.consents.of(sub)
    assert (consent.client_id, consent.resource, consent.scope) == ("app", NOTES, {"notes:read", "notes:write"})


async def test_f06_consent_withdrawn_ends_refresh_tokens_of_that_client_alone(issuer: Issuer) -> None:
    sub = await issuer.sub()
    theirs, others = await issuer.family("spa"), await issuer.family("refresher")
    await issuer.store.run(lambda tx: issuer.services.consents.remember(tx, sub, "spa", NOTES, frozenset({"notes:read"})))

    assert await issuer.services.consents.withdraw(sub, "spa")

    refused = await issuer.refresh(theirs)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await issuer.refresh(others, "refresher")).status_code == 200
    assert [row["kind"] for row in issuer.rows("feed_entry")] == ["grant"]
    assert not await issuer.services.consents.withdraw(sub, "spa")
