"""What every client authentication method must do, over its registry."""

from __future__ import annotations

import pytest

from auth_server.client_auth.authenticate import Around, Authenticator
from auth_server.client_auth.contract import ClientAuthMethod, Collaborators, Presented
from auth_server.client_auth.registry import AUTH_METHODS, all_methods
from auth_server.clients.assertions import ClientAssertions
from auth_server.outbound.fetch import Outbound
from auth_server.protocol.assertion import Used
from auth_server.protocol.client import Client
from auth_server.protocol.errors import InvalidClient, InvalidRequest
from tests.support.assertions import a_party, shown
from tests.support.auth_app import ISSUER, basic
from tests.support.builders import SECRET, a_client, a_form, a_public_client
from tests.support.clock import FakeClock
from tests.support.outside import NoNetwork

# How a client shows itself by each method: the right way, and with a wrong secret (None: there is no wrong one).
SHOWN: dict[str, tuple[Presented, Presented | None]] = {
    "client_secret_basic": (
        Presented(a_form(), basic("app", SECRET).encode()),
        Presented(a_form(), basic("app", SECRET + "x").encode()),
    ),
    "client_secret_post": (
        Presented(a_form(client_id="app", client_secret=SECRET), None),
        Presented(a_form(client_id="app", client_secret=SECRET + "x"), None),
    ),
    "private_key_jwt": (
        Presented(a_form(**shown(a_party().assertion("app", now=FakeClock().now()))), None),
        Presented(a_form(**shown(a_party("key-2").assertion("app", now=FakeClock().now()))), None),
    ),
    "none": (Presented(a_form(client_id="app"), None), None),
}
MEMBERS = all_methods(Collaborators(ClientAssertions(ISSUER, Outbound(NoNetwork()))))
each_method = pytest.mark.parametrize("method", MEMBERS, ids=lambda method: method.method)


def _registered_for(method: ClientAuthMethod, **changes: object) -> Client:
    if method.method == "none":
        return a_public_client("app", **changes)
    if method.method == "private_key_jwt":
        return a_client("app", secret=None, auth_method="private_key_jwt", jwks=a_party().jwks, **changes)
    return a_client("app", auth_method=method.method, **changes)


def _authenticator(client: Client | None) -> Authenticator:
    async def find(client_id: str) -> Client | None:
        return client if client is not None and client.client_id == client_id else None

    return Authenticator(MEMBERS, find, find, FakeClock(), _around())


class _NoLimits:
    def check(self, *_: object) -> None: ...

    async def fail(self, *_: object) -> None: ...

    async def succeed(self, *_: object) -> None: ...


def _around() -> Around:
    async def fetch(_url: str, _max_age: float, _for_stranger: bool) -> None: ...

    async def spend(_used: Used) -> bool:
        return True

    async def used(_client: Client) -> None: ...

    return Around(_NoLimits(), fetch, spend, used)


def test_this_suite_knows_every_method() -> None:
    assert SHOWN.keys() == set(AUTH_METHODS) == {method.method for method in MEMBERS}


@each_method
async def test_the_client_that_proves_itself_is_returned(method: ClientAuthMethod) -> None:
    client = _registered_for(method)

    assert await _authenticator(client).authenticate(SHOWN[method.method][0]) is client


@each_method
async def test_every_kind_of_failure_answers_alike(method: ClientAuthMethod) -> None:
    right, wrong = SHOWN[method.method]
    attempts = [(None, right), (_registered_for(method, disabled=True), right)]
    attempts += [(_registered_for(other), right) for other in MEMBERS if other is not method]
    if wrong is not None:
        attempts.append((_registered_for(method), wrong))

    answers = set()
    for client, presented in attempts:
        with pytest.raises(InvalidClient) as refused:
            await _authenticator(client).authenticate(presented)
        answers.add((refused.value.error, refused.value.status, refused.value.description))

    assert len(answers) == 1


@each_method
async def test_the_same_work_is_done_for_a_client_that_does_not_exist(method: ClientAuthMethod) -> None:
    """A proof is looked at, and the database asked, as often whether or not anybody has that name: the time tells nothing."""
    work = sorted(await _work(method, None))

    assert work == sorted(await _work(method, a_client(auth_method="another")))
    assert work == ["is_proven", "is_proven", "look-up"]


async def _work(method: ClientAuthMethod, client: Client | None) -> list[str]:
    done = []

    class Watched(type(method)):  # type: ignore[misc]
        def is_proven(self, *arguments: object) -> bool:
            done.append("is_proven")
            return bool(super().is_proven(*arguments))

    async def find(client_id: str) -> Client | None:
        if client is None:  # what does not exist is not remembered
            done.append("look-up")
        return client

    async def find_anew(client_id: str) -> Client | None:
        done.append("look-up")
        return client

    watched = Watched.build(Collaborators(ClientAssertions(ISSUER, Outbound(NoNetwork()))))
    with pytest.raises(InvalidClient):
        await Authenticator([watched], find, find_anew, FakeClock(), _around()).authenticate(SHOWN[method.method][0])
    return done


async def test_nothing_shown_is_an_invalid_client() -> None:
    with pytest.raises(InvalidClient):
        await _authenticator(a_client()).authenticate(Presented(a_form(), None))


@pytest.mark.parametrize("form", [{"client_secret": SECRET}, {"client_id": "app", "client_secret": SECRET}])
async def test_two_methods_at_once_are_an_invalid_request(form: dict[str, str]) -> None:
    """RFC 6749 section 2.3: not more than one authentication method in each request."""
    with pytest.raises(InvalidRequest):
        await _authenticator(a_client()).authenticate(Presented(a_form(**form), basic("app", SECRET).encode()))


async def test_a_secret_without_a_name_is_an_invalid_client() -> None:
    with pytest.raises(InvalidClient):
        await _authenticator(a_client()).authenticate(Presented(a_form(client_secret=SECRET), None))


async def test_a_secret_that_expired_proves_nothing() -> None:
    client = a_client()
    expiring = a_client(secrets=tuple(type(s)(s.digest, FakeClock().now()) for s in client.secrets))

    with pytest.raises(InvalidClient):
        await _authenticator(expiring).authenticate(SHOWN["client_secret_basic"][0])
