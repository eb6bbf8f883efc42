"""Attacks on client authentication: rows E01 to E09 of the project's checklist (RFC 9700 section 2.5, RFC 6749 section 2.3)."""

from __future__ import annotations

import base64

import httpx2
import pytest

from tests.support.auth_app import SECRETS, Issuer, basic

GRANT = {"grant_type": "client_credentials"}
WRONG = "a-wrong-secret-of-sufficient-length-0123456789"


async def _ask(issuer: Issuer, path: str, authorization: str | bytes | None = None, **form: str) -> httpx2.Response:
    headers = {} if authorization is None else {"Authorization": authorization}
    return await issuer.http.post(path, data={**GRANT, "token": "x", **form}, headers=headers)  # type: ignore[arg-type]


def _assert_refused(answer: httpx2.Response, status: int = 401, error: str = "invalid_client") -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.headers["cache-control"] == "no-store"
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Basic ")


each_door = pytest.mark.parametrize("path", ["/token", "/revoke"])


@each_door
async def test_e01_a_wrong_secret_in_the_header(issuer: Issuer, path: str) -> None:
    for secret in (WRONG, "", SECRETS["app"][:-1], SECRETS["app"] + "x", SECRETS["app"].upper()):
        _assert_refused(await _ask(issuer, path, basic("app", secret)))


@each_door
async def test_e02_a_wrong_secret_in_the_body(issuer: Issuer, path: str) -> None:
    _assert_refused(await _ask(issuer, path, client_id="poster", client_secret=WRONG))


@each_door
@pytest.mark.parametrize("named", [{}, {"client_id": "app"}], ids=["without a name", "with a name"])
async def test_e03_two_methods_at_once(issuer: Issuer, path: str, named: dict[str, str]) -> None:
    answer = await _ask(issuer, path, basic("app", SECRETS["app"]), client_secret=SECRETS["app"], **named)

    _assert_refused(answer, 400, "invalid_request")


@each_door
async def test_e04_two_names(issuer: Issuer, path: str) -> None:
    """CVE-2026-118669: one name was authenticated and the other one used."""
    for other in ("other", "spa", "nobody"):
        _assert_refused(await _ask(issuer, path, basic("app", SECRETS["app"]), client_id=other))


@each_door
async def test_e05_no_authentication(issuer: Issuer, path: str) -> None:
    _assert_refused(await _ask(issuer, path, client_id="app"))
    _assert_refused(await _ask(issuer, path))


@each_door
async def test_e06_a_method_that_was_not_registered(issuer: Issuer, path: str) -> None:
    _assert_refused(await _ask(issuer, path, client_id="app", client_secret=SECRETS["app"]))
    _assert_refused(await _ask(issuer, path, basic("poster", SECRETS["poster"])))
    _assert_refused(await _ask(issuer, path, basic("spa", "")))


@each_door
async def test_e07_the_secret_of_another_client(issuer: Issuer, path: str) -> None:
    _assert_refused(await _ask(issuer, path, basic("app", SECRETS["other"])))
    _assert_refused(await _ask(issuer, path, client_id="poster", client_secret=SECRETS["app"]))


@each_door
async def test_e08_an_unknown_client_is_answered_like_a_wrong_secret_after_the_same_work(issuer: Issuer, path: str) -> None:
    answers, costs = [], []
    for name in ("app", "nobody", "spa", "poster"):
        await _ask(issuer, path, basic(name, WRONG))
        with issuer.counting() as cost:
            answers.append(await _ask(issuer, path, basic(name, WRONG)))
        costs.append(len(cost.statements))

    assert len({(a.status_code, a.text, a.headers["www-authenticate"]) for a in answers}) == 1
    assert set(costs) == {1}


@each_door
@pytest.mark.parametrize(
    "header",
    [
        b"Basic",
        b"Basic ",
        b"Basic !!!!",
        b"Basic " + base64.b64encode(b"app"),
        b"Basic " + base64.b64encode(b"app:%zz"),
        b"Basic " + base64.b64encode(b"%zz:x"),
        b"Basic " + base64.b64encode(b"app:%ff"),
        b"Basic " + base64.b64encode(b"app:\xff\xfe"),
        b"Basic " + base64.b64encode(b":" + SECRETS["app"].encode()),
        b"Basic " + base64.b64encode(b"app\x00:" + SECRETS["app"].encode()),
        b"Basic " + base64.b64encode(b"app:" + SECRETS["app"].encode() + b"\n"),
        b"Basic " + base64.b64encode(b"x" * 5_000),
        b"Bearer " + base64.b64encode(b"app:" + SECRETS["app"].encode()),
        b"Digest username=app",
    ],
)
async def test_e09_a_malformed_header(issuer: Issuer, path: str, header: bytes) -> None:
    _assert_refused(await _ask(issuer, path, header))


async def test_a_disabled_client_is_answered_like_an_unknown_one(issuer: Issuer) -> None:
    unknown = await _ask(issuer, "/token", basic("nobody", WRONG))
    await issuer.services.clients.disable("app")

    disabled = await _ask(issuer, "/token", basic("app", SECRETS["app"]))

    assert (disabled.status_code, disabled.text) == (unknown.status_code, unknown.text)


async def test_a_rotated_secret_works_at_once_and_the_old_one_until_its_end(any_issuer: Issuer) -> None:
    new = await any_issuer.services.clients.rotate_secret("app", overlap=60)
    assert new is not None

    assert (await _ask(any_issuer, "/token", basic("app", new.reveal()))).status_code == 200
    assert (await any_issuer.token("app", **GRANT)).status_code == 200
    await any_issuer.advance(60)
    _assert_refused(await any_issuer.token("app", **GRANT))
    assert (await _ask(any_issuer, "/token", basic("app", new.reveal()))).status_code == 200
