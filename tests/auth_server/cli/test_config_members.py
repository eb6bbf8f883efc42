"""The declarative file, member by member: what clients, resources and people may declare, and its faults."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from auth_server.cli import config_fields
from auth_server.cli.config_file import ConfigRefused, apply_config, load_config
from auth_server.protocol.client import Client, ExchangePolicy, TrustedIssuer
from auth_server.services import Services
from tests.support.assertions import a_party

KEYS = json.dumps({"keys": [a_party().jwk]})
PLATFORM_KEYS = json.dumps({"keys": [a_party("platform").jwk]})
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
NOTES = "http://localhost:8001"
CLIENT = '[[clients]]\nclient_id = "a"\n'
RESOURCE = f'[[resources]]\nidentifier = "{NOTES}"\n'
USER = '[[users]]\nusername = "alice"\n'


def _written(folder: Path, text: str) -> Path:
    (folder / "keys.json").write_text(KEYS)
    (folder / "platform.json").write_text(PLATFORM_KEYS)
    (folder / "not.json").write_text("{")
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigRefused) as refusal:
        load_config(_written(folder, text))
    return [sentence.removeprefix(f"{folder}/config.toml: ") for sentence in refusal.value.sentences]


def _stored_client(services: Services, folder: Path, text: str) -> Client:
    asyncio.run(apply_config(services, _written(folder, text)))
    client = services.store.read_blocking(lambda tx: tx.clients.find("a"))
    assert client is not None
    return replace(client, created_at=0)


def test_whatever_a_client_declares_about_signing_people_in_is_stored(services: Services, tmp_path: Path) -> None:
    text = """grants = ["authorization_code", "refresh_token"]
redirect_uris = ["https://a.example/cb"]
post_logout_redirect_uris = ["https://a.example/bye"]
rotate_refresh_tokens = true
requires_pkce = false
requires_pushed_requests = true
asks_for_consent = false
subject_type = "pairwise"
sector = "a.example"
backchannel_logout_uri = "https://a.example/logout"
backchannel_logout_session_required = true
default_max_age = 3600
logo_uri = "https://a.example/logo"
client_uri = "https://a.example/"
policy_uri = "https://a.example/policy"
tos_uri = "https://a.example/tos"
"""

    assert _stored_client(services, tmp_path, CLIENT + text) == Client(
        client_id="a",
        name="a",
        auth_method="client_secret_basic",
        grants=frozenset({"authorization_code", "refresh_token"}),
        scope=frozenset(),
        redirect_uris=("https://a.example/cb",),
        post_logout_redirect_uris=("https://a.example/bye",),
        rotates_refresh_tokens=True,
        requires_pkce=False,
        requires_pushed_requests=True,
        asks_for_consent=False,
        subject_type="pairwise",
        sector="a.example",
        backchannel_logout_uri="https://a.example/logout",
        backchannel_logout_session_required=True,
        default_max_age=3600,
        logo_uri="https://a.example/logo",
        client_uri="https://a.example/",
        policy_uri="https://a.example/policy",
        tos_uri="https://a.example/tos",
    )


def test_what_a_client_leaves_out_is_the_careful_choice(services: Services, tmp_path: Path) -> None:
    client = _stored_client(services, tmp_path, CLIENT)

    assert client == Client("a", "a", "client_secret_basic", frozenset(), frozenset())
    assert (client.requires_pkce, client.asks_for_consent, client.subject_type) == (True, True, "public")


def test_whatever_a_client_declares_about_proofs_and_others_tokens_is_stored(services: Services, tmp_path: Path) -> None:
    text = f"""{RESOURCE}
{CLIENT}
auth_method = "private_key_jwt"
grants = ["{JWT_BEARER}", "{EXCHANGE}"]
jwks_file = "keys.json"
introspects = ["{NOTES}"]
exchange_audiences = ["{NOTES}"]
exchange_subject_clients = ["b", "c"]

[[clients.trusted_issuers]]
issuer = "https://platform.example"
subject = "system:serviceaccount:a"
jwks_file = "platform.json"
reusable = true

[[clients.trusted_issuers]]
issuer = "https://ci.example"
subject = "repo:a"
jwks_uri = "https://ci.example/keys"
"""
    client = _stored_client(services, tmp_path, text)

    assert (client.auth_method, client.grants) == ("private_key_jwt", {JWT_BEARER, EXCHANGE})
    assert json.loads(client.jwks or "") == json.loads(KEYS)
    assert client.introspects == {NOTES}
    assert client.exchange == ExchangePolicy(frozenset({NOTES}), frozenset({"b", "c"}))
    assert set(client.trusted_issuers) == {
        TrustedIssuer("https://platform.example", "system:serviceaccount:a", jwks=PLATFORM_KEYS, reusable=True),
        TrustedIssuer("https://ci.example", "repo:a", jwks_uri="https://ci.example/keys"),
    }


def test_whatever_a_resource_and_a_person_declare_about_claims_is_stored(services: Services, tmp_path: Path) -> None:
    text = f"""{RESOURCE}
claims = ["groups", "https://hr.example/department", "cost_center"]
encryption_jwks_uri = "https://notes.example/keys"

{USER}
groups = ["staff", "admins"]

[users.claims]
name = "Alice Liddell"
phone_number_verified = true
address = {{ locality = "Oxford", country = "GB" }}
"https://hr.example/department" = "croquet"
cost_center = [7, 8]
"""
    asyncio.run(apply_config(services, _written(tmp_path, text)))

    resource = services.store.read_blocking(lambda tx: tx.resources.all())[NOTES]
    account = asyncio.run(services.administration.find("alice"))
    assert account is not None
    known = services.store.read_blocking(lambda tx: tx.account_claims.find(account.sub))
    assert resource.claims == {"groups", "https://hr.example/department", "cost_center"}
    assert resource.encryption_jwks_uri == "https://notes.example/keys"
    assert set(known.groups) == {"staff", "admins"}
    assert known.claims == {
        "name": "Alice Liddell",
        "phone_number_verified": True,
        "address": {"locality": "Oxford", "country": "GB"},
        "https://hr.example/department": "croquet",
        "cost_center": [7, 8],
    }


# Each member with a value of another type, and what it is said to be instead.
_OTHER_TYPE = {
    config_fields.text: ("7", "a text"),
    config_fields.flag: ('"yes"', "true or false"),
    config_fields.whole: ('"7"', "a whole number"),
    config_fields.words: ('"x"', "a list of texts"),
    config_fields.table: ('"x"', "a table"),
}
_PLACES = (
    ("clients[0]", CLIENT, config_fields.CLIENT),
    ("resources[0]", RESOURCE, config_fields.RESOURCE),
    ("users[0]", USER, config_fields.USER),
)
_MEMBERS = [
    pytest.param(before, place, name, member.read, id=f"{place}.{name}")
    for place, before, members in _PLACES
    for name, member in members.items()
    if member.read in _OTHER_TYPE and not member.required
]


@pytest.mark.parametrize("before, place, name, read", _MEMBERS)
def test_every_member_is_refused_in_another_type(before: str, place: str, name: str, read: object, tmp_path: Path) -> None:
    wrong, wanted = _OTHER_TYPE[read]  # type: ignore[index]

    assert _faults(tmp_path, f"{before}{name} = {wrong}\n") == [f"{place}.{name}: must be {wanted}"]


def test_the_newer_members_are_among_those_that_were_tried() -> None:
    tried = {each.id for each in _MEMBERS}

    assert {
        "clients[0].default_max_age",
        "clients[0].backchannel_logout_uri",
        "clients[0].jwks_file",
        "clients[0].introspects",
        "resources[0].claims",
        "resources[0].encryption_jwks_uri",
        "users[0].claims",
        "users[0].groups",
    } <= tried


@pytest.mark.parametrize(
    "text, fault",
    [
        (f"{CLIENT}require_pkce = false", "clients[0].require_pkce: unknown; did you mean requires_pkce?"),
        (
            f"{CLIENT}backchannel_logout_url = 'x'",
            "clients[0].backchannel_logout_url: unknown; did you mean backchannel_logout_uri?",
        ),
        (f"{CLIENT}jwks = 'x'", None),
        (
            f"{CLIENT}[[clients.trusted_issuers]]\nissuer = 'https://i.example'\nsubject = 's'\nreuseable = true",
            "clients[0].trusted_issuers[0].reuseable: unknown; did you mean reusable?",
        ),
        (
            f"{CLIENT}trusted_issuers = 'x'",
            "clients[0].trusted_issuers: must be tables: write [[clients.trusted_issuers]]",
        ),
        (
            f"{CLIENT}[[clients.trusted_issuers]]\nissuer = 'https://i.example'\nsubject = 's'\nreusable = 1",
            "clients[0].trusted_issuers[0].reusable: must be true or false",
        ),
        (f"{RESOURCE}claim = ['x']", "resources[0].claim: unknown; did you mean claims?"),
        (f"{RESOURCE}encryption_jwks_url = 'x'", "resources[0].encryption_jwks_url: unknown; did you mean encryption_jwks_uri?"),
        (f"{USER}group = ['x']", "users[0].group: unknown; did you mean groups?"),
    ],
)
def test_a_member_there_is_not_is_told_with_the_one_that_was_meant(text: str, fault: str | None, tmp_path: Path) -> None:
    found = [each for each in _faults(tmp_path, text) if "trusted issuer is of use" not in each]

    if fault is None:
        assert len(found) == 1
        assert found[0].startswith("clients[0].jwks: unknown")
    else:
        assert found == [fault]


@pytest.mark.parametrize(
    "text, place",
    [
        (f"{CLIENT}subject_type = 'private'", "clients[0]: "),
        (f"{CLIENT}backchannel_logout_uri = 'http://a.example/logout'", "clients[0]: "),
        (f"{CLIENT}logo_uri = 'javascript:x'", "clients[0]: "),
        (f"{CLIENT}default_max_age = -1", "clients[0]: "),
        (f"{CLIENT}auth_method = 'none'\nrequires_pkce = false", "clients[0]: "),
        (f"{CLIENT}auth_method = 'private_key_jwt'", "clients[0]: "),
        (f"{CLIENT}jwks_uri = 'https://127.0.0.1/keys'", "clients[0]: "),
        (f"{CLIENT}jwks_file = 'keys.json'\njwks_uri = 'https://a.example/keys'", "clients[0]: "),
        (f"{CLIENT}jwks_file = 'not.json'", "clients[0]: "),
        (f"{CLIENT}jwks_file = 'none.json'", "clients[0].jwks_file: "),
        (f"{RESOURCE}claims = ['email']", "resources[0]: "),
        (f"{RESOURCE}claims = ['sub']", "resources[0]: "),
        (f"{RESOURCE}encryption_jwks_uri = 'ftp://a.example/keys'", "resources[0]: "),
        (f"{USER}groups = ['a b']", "users[0].claims: "),
        (f"{USER}claims = {{ sub = 'root' }}", "users[0].claims: "),
        (f"{USER}claims = {{ name = 7 }}", "users[0].claims: "),
        (f"{USER}claims = {{ email = 'root@example.com' }}", "users[0].claims: "),
    ],
)
def test_a_value_that_makes_no_sense_is_one_fault_at_its_place(text: str, place: str, tmp_path: Path) -> None:
    (fault,) = _faults(tmp_path, text)

    assert fault.startswith(place)
