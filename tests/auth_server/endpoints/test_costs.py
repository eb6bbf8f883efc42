"""What a request costs the database, counted exactly: a statement more is a decision, not an accident."""

from __future__ import annotations

import pytest

from shared import well_known
from tests.support.auth_app import Cost, Issuer


async def _cost(issuer: Issuer, *, of: str, **form: str) -> Cost:
    await issuer.services.freshness.poll()
    with issuer.counting() as cost:
        answer = await (issuer.token(of, **form) if form else issuer.http.get(of))
        assert answer.status_code == 200, answer.text
    return cost


def _kinds(cost: Cost) -> list[str]:
    return [statement.split(None, 1)[0] for statement in cost.statements]


async def test_a_warm_client_credentials_request_costs_nothing(any_issuer: Issuer) -> None:
    await any_issuer.token(grant_type="client_credentials")

    cost = await _cost(any_issuer, of="app", grant_type="client_credentials")

    assert (cost.statements, cost.commits) == ([], 0)


@pytest.mark.parametrize(
    "path", [well_known.JWKS, well_known.OPENID_CONFIGURATION, well_known.AUTHORIZATION_SERVER, "/livez", "/version", "/"]
)
async def test_what_everybody_reads_costs_nothing(any_issuer: Issuer, path: str) -> None:
    await any_issuer.http.get(path)

    cost = await _cost(any_issuer, of=path)

    assert (cost.statements, cost.commits) == ([], 0)


async def test_a_rotation_is_a_look_and_in_one_commit_one_more_one_change_and_its_audit_event(any_issuer: Issuer) -> None:
    """The look within the commit: was anything of this person or client revoked since the first one?"""
    await any_issuer.refresh(await any_issuer.family())  # the client is remembered
    token = await any_issuer.family()

    cost = await _cost(any_issuer, of="spa", grant_type="refresh_token", refresh_token=token)

    # The audit log asks for its head, and on PostgreSQL for its turn before.
    turn = [] if any_issuer.database.is_sqlite else ["SELECT"]
    assert _kinds(cost) == ["SELECT", "SELECT", "UPDATE", *turn, "SELECT", "INSERT"], cost.statements
    assert "feed_entry" in cost.statements[1]
    assert "audit_event" in cost.statements[-2]
    assert "audit_event" in cost.statements[-1]
    assert cost.commits == 1


async def test_a_repeat_costs_two_looks_and_once_a_flag(any_issuer: Issuer) -> None:
    current = (await any_issuer.refresh(await any_issuer.family())).json()["refresh_token"]

    first = await _cost(any_issuer, of="spa", grant_type="refresh_token", refresh_token=current)
    again = await _cost(any_issuer, of="spa", grant_type="refresh_token", refresh_token=current)

    assert (_kinds(first), first.commits) == (["SELECT", "SELECT", "UPDATE"], 1)
    assert (_kinds(again), again.commits) == (["SELECT", "SELECT"], 0)


async def test_a_confidential_clients_refresh_is_two_looks_and_one_change(any_issuer: Issuer) -> None:
    token = await any_issuer.family("app")
    await any_issuer.token(grant_type="client_credentials")

    cost = await _cost(any_issuer, of="app", grant_type="refresh_token", refresh_token=token)

    assert (_kinds(cost), cost.commits) == (["SELECT", "SELECT", "UPDATE"], 1)


async def test_noise_costs_nothing(any_issuer: Issuer) -> None:
    await any_issuer.token(grant_type="client_credentials")
    await any_issuer.services.freshness.poll()
    with any_issuer.counting() as cost:
        assert (await any_issuer.refresh("rt1_" + "A" * 92, "app")).status_code == 400
        assert (await any_issuer.post("/revoke", {"token": "rt1_" + "A" * 92})).status_code == 200

    assert (cost.statements, cost.commits) == ([], 0)


async def test_a_sign_in_is_three_commits(any_issuer: Issuer) -> None:
    """The guess is counted before the password is looked at; then the session is opened; then the family is stored."""
    await any_issuer.login()
    await any_issuer.services.freshness.poll()
    with any_issuer.counting() as cost:
        assert (await any_issuer.login()).status_code == 200

    assert cost.commits == 3
    assert len(cost.statements) <= 25, cost.statements
