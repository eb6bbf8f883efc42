"""The two servers share no secret: not in the compose file, not in the images, not in what their settings can hold.

What passes from one to the other is public: metadata and the key set, over one network.
"""

import json
from pathlib import Path

import pytest

import auth_server.settings
import resource_server.settings
from shared.settings import Setting
from tests.containers.compose import Service, services
from tests.containers.dockerfile import read_dockerfile

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
SECRETS = {"POSTGRES_PASSWORD": "canary-password", "AUTH_SERVER_KEY_ENCRYPTION_KEYS": "canary-sealing-key" + "A" * 25}
SQLITE, POSTGRES = services(FILE), services(FILE, ["postgres"], SECRETS)
VARIANTS = pytest.mark.parametrize("found", [pytest.param(SQLITE, id="sqlite"), pytest.param(POSTGRES, id="postgres")])
AUTH_TABLE: tuple[Setting, ...] = auth_server.settings.TABLE
RESOURCE_TABLE: tuple[Setting, ...] = resource_server.settings.TABLE


@VARIANTS
def test_no_volume_and_no_folder_is_mounted_in_both(found: dict[str, Service]) -> None:
    others = [set(service.mounts) for name, service in found.items() if name != "resource-server"]

    assert not set(found["resource-server"].mounts) & set().union(*others)


@VARIANTS
def test_the_resource_server_has_nothing_to_keep_a_secret_in(found: dict[str, Service]) -> None:
    definition = found["resource-server"].definition

    assert not definition.keys() & {
        "volumes",
        "volumes_from",
        "secrets",
        "configs",
        "env_file",
        "network_mode",
        "pid",
        "ipc",
        "links",
    }


@VARIANTS
def test_the_resource_server_cannot_reach_the_database(found: dict[str, Service]) -> None:
    databases = [found[name] for name in found.keys() & {"database", "migrate"}]

    assert found["resource-server"].networks == {"public"}
    assert all(not service.networks & {"public", "default"} for service in databases)


def test_with_postgresql_the_database_is_on_a_network_of_its_own_side() -> None:
    assert POSTGRES["database"].networks == {"storage"}
    assert POSTGRES["auth-server"].networks == {"public", "storage"}


def test_no_secret_of_the_deployment_reaches_the_resource_server() -> None:
    definition = json.dumps(dict(POSTGRES["resource-server"].definition))

    assert all(value in json.dumps(dict(POSTGRES["auth-server"].definition)) for value in SECRETS.values())
    assert not any(value in definition or name in definition for name, value in SECRETS.items())


@VARIANTS
def test_the_only_words_both_have_are_the_public_name_of_the_issuer(found: dict[str, Service]) -> None:
    both = set(found["auth-server"].environment.values()) & set(found["resource-server"].environment.values())

    assert both == {found["auth-server"].environment["AUTH_SERVER_ISSUER"]}


def test_the_resource_server_has_no_setting_for_a_secret() -> None:
    assert [row.name for row in RESOURCE_TABLE if row.secret] == []
    assert [row.name for row in AUTH_TABLE if row.secret] != []


def test_neither_image_takes_anything_of_the_other_side() -> None:
    copied = {
        name: read_dockerfile(ROOT / name / "Dockerfile").copied_from_context() for name in ("auth_server", "resource_server")
    }

    assert set(copied["auth_server"]) & set(copied["resource_server"]) == {"shared/"}


@VARIANTS
def test_the_environments_of_the_containers_are_settings_that_the_servers_accept(found: dict[str, Service]) -> None:
    """Names that no table has, and values that no parser takes, would stop the container at its start."""
    images = {name: read_dockerfile(ROOT / name / "Dockerfile").environment() for name in ("auth_server", "resource_server")}

    issuer = auth_server.settings.load(images["auth_server"] | found["auth-server"].environment)
    verifier = resource_server.settings.load_settings(images["resource_server"] | found["resource-server"].environment)

    assert issuer.issuer == verifier.issuer
    assert issuer.is_sqlite is (found is SQLITE)
