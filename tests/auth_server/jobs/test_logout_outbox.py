"""The outbox of logout tokens: who is told of which end, when again, and by one of several replicas."""

from __future__ import annotations

from auth_server.jobs.deliver_logout_tokens import DeliverLogoutTokens, wait_ms
from auth_server.outbound.fetch import FetchFailed
from tests.support.auth_app import ISSUER, Issuer
from tests.support.keys import claims_of, header_of
from tests.support.visitor import Visitor


class _Clients:
    """The clients' own servers: what they were sent, and what they answer."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.told: list[tuple[str, str]] = []

    async def post(self, url: str, fields: dict[str, str]) -> int:
        self.told.append((url, fields["logout_token"]))
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 0:
            raise FetchFailed("nobody answers")
        return status


def _job(issuer: Issuer, clients: _Clients) -> DeliverLogoutTokens:
    services = issuer.services
    return DeliverLogoutTokens(
        store=issuer.store,
        signer=services.keyring,
        post=clients.post,  # type: ignore[arg-type]
        alg_of=services.clients.alg_of,
        issuer=ISSUER,
    )


async def test_a_client_is_told_that_a_session_ended(issuer: Issuer) -> None:
    visitor, clients = Visitor(issuer), _Clients()
    tokens = await visitor.tokens("own")
    await visitor.tokens("app")
    sid = claims_of(tokens["id_token"])["sid"]

    await issuer.services.sessions.end(sid, "signed_out")
    await _job(issuer, clients).run()
    await _job(issuer, clients).run()

    ((url, token),) = clients.told
    claims = claims_of(token)
    assert url == "https://own.example/logout"
    assert header_of(token)["typ"] == "logout+jwt"
    assert (claims["iss"], claims["aud"], claims["sub"], claims["sid"]) == (ISSUER, "own", await issuer.sub(), sid)
    assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert "nonce" not in claims
    assert claims["exp"] - claims["iat"] == 120


async def test_every_end_of_a_session_is_told(issuer: Issuer) -> None:
    """Whatever ends it writes the outbox: the rows come with the very statement that ends sessions."""
    visitor = Visitor(issuer)
    for end in ("disable", "password", "everywhere"):
        sub = await issuer.sub()
        await visitor.tokens("own")
        if end == "disable":
            await issuer.services.administration.disable(sub, "test")
            await issuer.services.administration.enable(sub)
        elif end == "password":
            await issuer.services.administration.set_password(sub, "correct-Horse-battery-staple-7413", may_be_weak=True)
        else:
            await issuer.services.sessions.end_all(sub, "signed_out_everywhere")
        assert len(issuer.rows("logout_delivery")) == 1, end
        await _job(issuer, _Clients()).run()
        assert issuer.rows("logout_delivery") == []


async def test_a_client_that_does_not_answer_is_tried_again_later_and_later(issuer: Issuer) -> None:
    clients = _Clients(0, 500, 302, 200)
    tokens = await Visitor(issuer).tokens("own")
    await issuer.services.sessions.end(claims_of(tokens["id_token"])["sid"], "signed_out")
    job = _job(issuer, clients)

    for attempt in range(4):
        await job.run()
        assert len(clients.told) == attempt + 1
        await job.run()
        assert len(clients.told) == attempt + 1
        await issuer.advance(wait_ms(attempt) / 1000)

    assert issuer.rows("logout_delivery") == []
    assert [event["outcome"] for event in issuer.events("logout.delivered")] == ["ok"]
    assert [wait_ms(attempt) for attempt in (0, 1, 2, 20)] == [10_000, 20_000, 40_000, 3_600_000]


async def test_two_replicas_deliver_once(issuer: Issuer) -> None:
    clients = _Clients()
    tokens = await Visitor(issuer).tokens("own")
    await issuer.services.sessions.end(claims_of(tokens["id_token"])["sid"], "signed_out")

    await _job(issuer, clients).run()
    await _job(issuer, clients).run()

    assert len(clients.told) == 1
