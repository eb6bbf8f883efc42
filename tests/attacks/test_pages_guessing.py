"""C: guessing at the pages: rows C09 and C10 of the checklist, at sign-in and where a reset is asked for."""

from __future__ import annotations

from tests.support.auth_app import Issuer
from tests.support.page_visitor import PageVisitor
from tests.support.registered import PASSWORDS


async def test_c09_guesses_are_slowed_down_and_so_is_the_right_password_until_it_passes(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    token = await visitor.token("/login")
    wrong = {"username": "alice", "password": "a wrong password that is long"}

    statuses = [(await visitor.post("/login", wrong, token=token)).status_code for _ in range(20)]
    right = await visitor.post("/login", {"username": "alice", "password": PASSWORDS["alice"]}, token=token)

    assert statuses == [422] * statuses.count(422) + [429] * statuses.count(429)
    assert 1 <= statuses.count(422) < 10
    assert right.status_code == 429
    assert "session" not in visitor.cookies
    wait = int(right.headers["retry-after"])
    issuer.clock.advance(wait)
    assert (await visitor.post("/login", {"username": "alice", "password": PASSWORDS["alice"]}, token=token)).status_code == 303


async def test_c10_a_known_and_an_unknown_name_are_refused_alike_and_at_the_same_cost(issuer: Issuer) -> None:
    """What may be measured is counted: statements, commits and hashes; `make bench` measures the time of both."""
    visitor = PageVisitor(issuer)
    token = await visitor.token("/login")

    async def refusal(name: str) -> tuple[int, str, int, int]:
        with issuer.counting() as cost:
            answer = await visitor.post("/login", {"username": name, "password": "a wrong one, long enough"}, token=token)
        shown = answer.text.replace(name, "NAME")
        return answer.status_code, shown, len(cost.statements), cost.commits

    # The server's own jobs look at the database too, so the least of three counts.
    known = min([await refusal("alice") for _ in range(3)])
    unknown = min([await refusal("nobody") for _ in range(3)])

    assert known == unknown
    assert known[0] == 422


async def test_c10_asking_for_a_reset_tells_nothing_either(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    token = await visitor.token("/forgot-password")
    alice = await issuer.sub("alice")
    await issuer.store.run(lambda tx: tx.accounts.set_verified_email(alice, "alice@mail.example", "alice@mail.example"))

    async def asked(name: str) -> tuple[int, str, int, int]:
        with issuer.counting() as cost:
            answer = await visitor.post("/forgot-password", {"username": name}, token=token)
        return answer.status_code, answer.headers["location"], len(cost.statements), cost.commits

    async def least(name: str) -> tuple[int, str, int, int]:
        found = []
        for _ in range(3):
            found.append(await asked(name))
            issuer.clock.advance(61)
        return min(found)

    known, unverified, unknown = await least("alice"), await least("bob"), await least("nobody")

    assert known == unverified == unknown
    assert [row["recipient"] for row in issuer.rows("outbox_mail") if row["recipient"]] == ["alice@mail.example"] * 3
