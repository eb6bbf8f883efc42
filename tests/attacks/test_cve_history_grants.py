"""What went wrong with grants, clients and requests of other products: incidents 45, 47, 49, 56, 62, 72, 79 and 83, one test each."""

from __future__ import annotations

import ast
import contextlib
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from auth_server.clients.registrations import NotAllowed
from auth_server.grants.registry import GRANT_TYPES
from auth_server.grants.token_exchange import TOKEN_EXCHANGE
from auth_server.protocol.errors import InvalidGrant
from shared.revocation import RevocationKind
from tests.conformance.test_grants import CLIENTS, _right_form
from tests.support.auth_app import Issuer, basic, running
from tests.support.databases import Database
from tests.support.page_visitor import PageVisitor
from tests.support.registered import DEVICE_GRANT, SECRETS

ROOT: Final = Path(__file__).parents[2]
APP: Final = {"redirect_uris": ["https://agent.example/cb"]}
# Of these grants a person stands behind the token.
OF_PEOPLE: Final = ("authorization_code", "refresh_token", DEVICE_GRANT, TOKEN_EXCHANGE)
INJECTIONS: Final = (
    "' OR '1'='1", "'; DROP TABLE client; --", '" OR ""="', "1 UNION SELECT sealed FROM server_secret", "%27%20OR%201=1", "x' AND 1=1--",
    "\\'; SELECT pg_sleep(5)--", "{{7*7}}", "${7*7}", "a\u2019 OR 1=1", "0x27", "' || (SELECT 1) || '",
)  # fmt: skip


@pytest.fixture
async def everything(issuer_database: Database, tmp_path: Path) -> Any:
    """An auth server with everything switched on that can be."""
    settings = {"TOKEN_EXCHANGE": "true", "DYNAMIC_REGISTRATION": "open", "CLIENT_ID_METADATA": "true"}
    async with running(issuer_database, tmp_path, settings) as issuer:
        yield issuer


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:9/x", "https://agent.outside.example/request", "file:///etc/passwd", "urn:example:x", "data:,x", "x"],
)
async def test_cve_45_no_request_uri_is_fetched(everything: Issuer, uri: str) -> None:
    asked = {"client_id": "app", "request_uri": uri, "response_type": "code", "redirect_uri": "https://app.example/cb"}
    answers = [
        await everything.http.get("/authorize?" + urlencode(asked)),
        await everything.post("/par", {"request_uri": uri, "response_type": "code"}, "app"),
        await everything.token("app", grant_type="client_credentials", request_uri=uri),
        await everything.post("/device_authorization", {"request_uri": uri}, "tv"),
    ]

    assert all(answer.status_code < 500 for answer in answers)
    assert everything.services.outbound._network.looked_up == []  # type: ignore[attr-defined]


async def test_cve_47_every_path_that_checks_a_person_passes_one_gate(issuer: Issuer) -> None:
    """A password is compared in one file, behind the counter; and what one door refuses the others refuse as well."""
    callers = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "auth_server").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("passwords.matches", "_hasher.verify"))
    }
    assert {path for path in callers if path != "auth_server/accounts/passwords.py"} == {"auth_server/accounts/login.py"}

    for _ in range(6):
        await issuer.login("alice", "wrong-password-of-alice")
    assert (await issuer.login("alice")).status_code == 429
    visitor = PageVisitor(issuer)
    with contextlib.suppress(AssertionError):
        await visitor.log_in()
    assert issuer.rows("session") == []


@pytest.mark.parametrize("grant_type", OF_PEOPLE)
async def test_cve_49_a_person_who_is_disabled_at_any_step_gets_no_token(everything: Issuer, grant_type: str) -> None:
    form = await _right_form(everything, grant_type)
    if grant_type == TOKEN_EXCHANGE:
        form["subject_token"] = (await everything.login()).json()["access_token"]
    await everything.services.administration.disable(await everything.sub(), "test")

    answer = await everything.token(CLIENTS[grant_type][0], **form)

    assert answer.status_code == 400
    assert answer.json()["error"] == ("invalid_request" if grant_type == TOKEN_EXCHANGE else "invalid_grant")


@pytest.mark.parametrize("grant_type", GRANT_TYPES)
async def test_cve_49_a_client_that_is_disabled_at_any_step_gets_no_token(everything: Issuer, grant_type: str) -> None:
    form, client = await _right_form(everything, grant_type), CLIENTS[grant_type][0]
    await everything.services.clients.disable(client)

    answer = await everything.token(client, **form)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_cve_56_another_resource_s_token_tells_nothing(issuer: Issuer) -> None:
    token = (await issuer.login()).json()["access_token"]

    for stranger in ("app", "other", "machine", "poster"):
        assert (await issuer.post("/introspect", {"token": token}, stranger)).json() == {"active": False}
    assert (await issuer.post("/introspect", {"token": token}, "gateway")).json()["active"] is True


def _spoiled(text: str) -> list[str]:
    prefixes = [text[:length] for length in range(len(text))]
    edits = [text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :] for at in range(len(text))]
    return [*prefixes, *edits, text + "A", " " + text, text.swapcase()]


async def test_cve_62_no_part_or_neighbour_of_an_opaque_token_is_good(everything: Issuer) -> None:
    services = everything.services
    refresh_token = (await everything.login()).json()["refresh_token"]
    for spoiled in _spoiled(refresh_token):
        with pytest.raises(InvalidGrant):
            services.families.read(spoiled)
    services.families.read(refresh_token)

    made = (await everything.http.post("/register", json=APP)).json()
    registration_token = made["registration_access_token"]
    for spoiled in _spoiled(registration_token):
        with pytest.raises(NotAllowed):
            await services.other_grants.registrations.find(made["client_id"], spoiled)
    await services.other_grants.registrations.find(made["client_id"], registration_token)


async def test_cve_62_no_part_or_neighbour_of_a_device_code_is_good(everything: Issuer) -> None:
    device_code = (await everything.begin_device())["device_code"]

    for spoiled in _spoiled(device_code)[::4]:
        answer = await everything.token("tv", grant_type=DEVICE_GRANT, device_code=spoiled)
        assert answer.json()["error"] in ("invalid_grant", "invalid_request")
    assert (await everything.token("tv", grant_type=DEVICE_GRANT, device_code=device_code)).json()[
        "error"
    ] == "authorization_pending"


async def test_cve_72_a_deactivated_client_is_out_and_every_resource_server_hears_of_it(any_issuer: Issuer) -> None:
    assert (await any_issuer.token("machine", grant_type="client_credentials")).status_code == 200
    await any_issuer.services.clients.disable("machine")

    refused = await any_issuer.token("machine", grant_type="client_credentials")
    entries = await any_issuer.store.read(lambda tx: tx.revocations.since(0, 100))

    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert [each.entry.key for each in entries if each.entry.kind is RevocationKind.CLIENT] == ["machine"]


@pytest.mark.parametrize("injection", INJECTIONS)
async def test_cve_79_no_parameter_reaches_the_database_as_a_statement(everything: Issuer, injection: str) -> None:
    names = (
        "scope",
        "resource",
        "code",
        "refresh_token",
        "device_code",
        "subject_token",
        "assertion",
        "token",
        "client_id",
        "user_code",
    )
    before = {table: len(everything.rows(table)) for table in ("client", "account", "resource", "role", "server_secret")}
    for path, base, client in (
        *(("/token", {"grant_type": grant}, "app") for grant in GRANT_TYPES),
        ("/introspect", {}, "app"),
        ("/revoke", {}, "app"),
        ("/device_authorization", {}, "tv"),
    ):
        answer = await everything.post(path, {**dict.fromkeys(names, injection), **base}, client)
        assert answer.status_code < 500, (path, answer.text)
        assert "access_token" not in answer.text
    bodies = ({"username": injection, "password": injection}, {"username": "alice", "password": injection, "resource": injection})
    for body in bodies:
        assert 400 <= (await everything.http.post("/api/login", json=body)).status_code < 500
    assert (await everything.http.post("/register", json=APP | {"client_name": injection})).status_code < 500

    after = {table: len(everything.rows(table)) for table in before}
    assert after | {"client": 0} == before | {"client": 0}
    assert after["client"] <= before["client"] + 1


def test_cve_79_no_statement_is_put_together_from_strings() -> None:
    """Every text of SQL is a constant, or made of constants; values are bound."""
    found = []
    for path in sorted((ROOT / "auth_server" / "store").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or ast.unparse(node.func).rpartition(".")[2] not in ("text", "exec_driver_sql"):
                continue
            if any(isinstance(part, ast.JoinedStr | ast.BinOp) for argument in node.args for part in ast.walk(argument)):
                found.append(f"{path.name}:{node.lineno}")

    assert found == []


async def test_cve_83_two_client_ids_in_one_request(issuer: Issuer) -> None:
    for named in ("other", "spa", "nobody"):
        headers = {"Authorization": basic("app", SECRETS["app"])}
        for path in ("/token", "/revoke", "/introspect", "/par"):
            form = {"grant_type": "client_credentials", "token": "x", "client_id": named}
            answer = await issuer.http.post(path, data=form, headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), (path, named)
