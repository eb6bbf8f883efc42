"""Clients on both databases: stored whole, changed whole, remembered no longer than they are true."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auth_server.clients.service import Clients, RegistrationRefused
from auth_server.endpoints.registry import registration_rules
from auth_server.protocol.client import Client, ClientSecret
from auth_server.protocol.secret import Secret
from auth_server.revocation.feed import Feed
from auth_server.store.freshness import Freshness
from auth_server.store.store import Store
from shared.key_policy import KeyPolicy
from tests.support.builders import SECRET, a_client, a_public_client
from tests.support.clock import FakeClock
from tests.support.databases import Database

RULES = registration_rules()


def _clients(store: Store) -> Clients:
    return Clients(store, Freshness(store), Feed(KeyPolicy()))


def _stored(store: Store, client_id: str) -> Client | None:
    return store.read_blocking(lambda tx: tx.clients.find(client_id))


@pytest.mark.parametrize(
    "client",
    [
        a_client(
            "app",
            redirect_uris=("https://a.example/cb", "com.example.app:/cb"),
            post_logout_redirect_uris=("https://a.example/",),
        ),
        a_client("plain", scope=frozenset(), grants=frozenset(), default_resource="http://localhost:8001"),
        a_client("rotating", rotates_refresh_tokens=True),
        a_client("keeping", rotates_refresh_tokens=False),
    ],
    ids=lambda client: client.client_id,
)
async def test_what_is_registered_is_found_again(any_store: Store, client: Client, clock: FakeClock) -> None:
    assert await _clients(any_store).register(client, RULES, Secret(SECRET)) is None

    assert _stored(any_store, client.client_id) == replace(client, created_at=clock.now())


async def test_a_secret_is_made_shown_once_and_not_stored(any_store: Store) -> None:
    made = await _clients(any_store).register(a_client(), RULES)

    assert made is not None
    (stored,) = (_stored(any_store, "app") or a_client()).secrets
    assert made.reveal().encode() not in stored.digest


async def test_a_public_client_has_none(any_store: Store) -> None:
    assert await _clients(any_store).register(a_public_client(), RULES) is None
    assert (_stored(any_store, "spa") or a_client()).secrets == ()
    with pytest.raises(RegistrationRefused):
        await _clients(any_store).register(a_public_client("other"), RULES, Secret(SECRET))


async def test_a_name_is_taken_once(any_store: Store) -> None:
    clients = _clients(any_store)
    await clients.register(a_client(name="first"), RULES, Secret(SECRET))

    with pytest.raises(RegistrationRefused):
        await clients.register(a_client(name="second"), RULES)

    assert (_stored(any_store, "app") or a_client()).name == "first"


async def test_two_clients_that_were_given_one_secret_have_it_each_for_itself(any_store: Store, clock: FakeClock) -> None:
    clients = _clients(any_store)
    for name in ("app", "other"):
        await clients.register(a_client(name), RULES, Secret(SECRET))

    await clients.rotate_secret("app", overlap=0)

    ends = {name: [secret.expires_at for secret in (_stored(any_store, name) or a_client()).secrets] for name in ("app", "other")}
    assert ends["other"] == [None]
    assert sorted(ends["app"], key=str) == [clock.now(), None]


async def test_a_registration_that_makes_no_sense_stores_nothing(any_store: Store) -> None:
    with pytest.raises(RegistrationRefused) as refused:
        await _clients(any_store).register(a_client("a b", grants=frozenset({"x"})), RULES, Secret("short"))

    assert len(refused.value.faults) == 3
    assert await _clients(any_store).page() == []


async def test_a_change_leaves_the_secrets_alone(any_store: Store) -> None:
    clients = _clients(any_store)
    await clients.register(a_client(), RULES, Secret(SECRET))
    before = await clients.find("app")

    assert await clients.update(a_client(name="renamed", scope=frozenset({"x"}), secret=None), RULES)

    after = await clients.find("app")
    assert after is not None
    assert before is not None
    assert (after.name, after.scope, after.secrets) == ("renamed", {"x"}, before.secrets)
    assert not await clients.update(a_client("nobody"), RULES)


async def test_a_rotation_lets_the_old_secrets_end_and_never_prolongs_one(any_store: Store, clock: FakeClock) -> None:
    clients = _clients(any_store)
    await clients.register(a_client(), RULES, Secret(SECRET))
    await clients.rotate_secret("app", overlap=100)
    await clients.rotate_secret("app", overlap=1_000)

    ends = sorted((secret.expires_at or 0) - clock.now() for secret in (_stored(any_store, "app") or a_client()).secrets)
    assert ends == [-clock.now(), 100, 1_000]
    assert await clients.rotate_secret("nobody") is None
    assert await clients.rotate_secret("first-party") is None


async def test_ending_a_client_is_done_once_and_told(any_store: Store) -> None:
    clients = _clients(any_store)
    await clients.register(a_client(), RULES, Secret(SECRET))

    assert [await clients.disable("app"), await clients.disable("app"), await clients.disable("nobody")] == [True, False, False]
    assert (await clients.find("app") or a_client()).disabled
    assert [await clients.delete("app"), await clients.delete("app")] == [True, False]
    assert await clients.find("app") is None
    entries = any_store.read_blocking(lambda tx: tx.revocations.since(0, 10))
    assert [(entry.entry.kind.value, entry.entry.key) for entry in entries] == [("client_nbf", "app")] * 2


async def test_pages_come_in_the_order_of_names_with_every_secret(any_store: Store) -> None:
    clients = _clients(any_store)
    for name in ("c", "a", "b", "d"):
        await clients.register(a_client(name), RULES, Secret(SECRET + name))
    await clients.rotate_secret("a")

    first = await clients.page(limit=2)
    second = await clients.page(after=first[-1].client_id, limit=2)

    assert [client.client_id for client in first + second] == ["a", "b", "c", "d"]
    assert len(first[0].secrets) == 2
    assert await clients.page(after="d") == []


async def test_the_built_in_client_is_always_there_and_cannot_be_touched(any_store: Store) -> None:
    clients = _clients(any_store)
    found = await clients.find("first-party")

    assert found is not None
    assert found.is_first_party
    assert [await clients.disable("first-party"), await clients.delete("first-party")] == [False, False]
    with pytest.raises(RegistrationRefused):
        await clients.update(found, RULES)


# What a process remembers


async def test_a_change_of_this_process_is_seen_at_once(any_store: Store) -> None:
    freshness = Freshness(any_store)
    clients = Clients(any_store, freshness, Feed(KeyPolicy()))
    await freshness.poll()
    await clients.register(a_client(), RULES, Secret(SECRET))
    assert not (await clients.find("app") or a_client()).disabled

    await clients.disable("app")

    assert (await clients.find("app") or a_client()).disabled


async def test_a_change_of_another_process_is_seen_with_the_next_poll(any_database: Database) -> None:
    here, there = any_database.store(), any_database.store()
    freshness = Freshness(here)
    clients = Clients(here, freshness, Feed(KeyPolicy()))
    await _clients(there).register(a_client(), RULES, Secret(SECRET))
    await freshness.poll()
    await clients.find("app")

    await _clients(there).disable("app")

    assert not (await clients.find("app") or a_client()).disabled  # still remembered
    assert (await clients.find_anew("app") or a_client()).disabled
    await freshness.poll()
    assert (await clients.find("app") or a_client()).disabled


async def test_nothing_remembered_is_used_when_nobody_knows_whether_it_is_true(any_database: Database) -> None:
    here, there = any_database.store(), any_database.store()
    clients = _clients(here)  # its version was never asked for
    await _clients(there).register(a_client(), RULES, Secret(SECRET))
    await clients.find("app")

    await _clients(there).disable("app")

    assert (await clients.find("app") or a_client()).disabled


async def test_a_name_that_does_not_exist_is_not_remembered(any_database: Database) -> None:
    here, there = any_database.store(), any_database.store()
    freshness = Freshness(here)
    clients = Clients(here, freshness, Feed(KeyPolicy()))
    await freshness.poll()
    assert await clients.find("app") is None

    there.run_blocking(lambda tx: tx.clients.create(a_client(secrets=(ClientSecret(bytes(32)),))))

    assert await clients.find("app") is not None
