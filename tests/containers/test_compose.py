"""The compose file: one auth server, loopback ports, hardened containers, and waiting for health, with either database."""

import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.containers.compose import Service, interpolated, services

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
POSTGRES_SETTINGS = {"POSTGRES_PASSWORD": "canary-password", "AUTH_SERVER_KEY_ENCRYPTION_KEYS": "canary-key"}
VARIANTS = {
    "sqlite": services(FILE),
    "postgres": services(FILE, ["postgres"], POSTGRES_SETTINGS),
    "postgres, forgotten settings": services(FILE, ["postgres"]),
}
EVERY_SERVICE = {f"{variant}: {name}": service for variant, found in VARIANTS.items() for name, service in found.items()}
OUR_SERVICES = {key: service for key, service in EVERY_SERVICE.items() if service.name != "database"}


def test_without_a_profile_the_two_servers_start_and_nothing_else() -> None:
    assert VARIANTS["sqlite"].keys() == {"auth-server", "resource-server"}


def test_the_profile_adds_a_database_and_a_migration() -> None:
    assert VARIANTS["postgres"].keys() - VARIANTS["sqlite"].keys() == {"database", "migrate"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_two_services_want_one_port(variant: str) -> None:
    ports = [port for service in VARIANTS[variant].values() for port in service.definition.get("ports", [])]

    assert sorted(ports) == ["127.0.0.1:8000:8000", "127.0.0.1:8001:8001"]


@pytest.mark.parametrize("service", EVERY_SERVICE.values(), ids=EVERY_SERVICE.keys())
def test_no_port_is_open_to_other_machines(service: Service) -> None:
    assert all(port.startswith("127.0.0.1:") for port in service.definition.get("ports", []))


@pytest.mark.parametrize("service", EVERY_SERVICE.values(), ids=EVERY_SERVICE.keys())
def test_every_container_drops_its_capabilities(service: Service) -> None:
    assert service.definition["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service.definition["security_opt"]
    assert not service.definition.get("privileged")


@pytest.mark.parametrize("service", OUR_SERVICES.values(), ids=OUR_SERVICES.keys())
def test_our_containers_write_nowhere_but_in_their_volume_and_tmp(service: Service) -> None:
    assert service.definition["read_only"] is True
    assert [entry.partition(":")[0] for entry in service.definition["tmpfs"]] == ["/tmp"]
    assert service.definition["init"] is True
    assert "cap_add" not in service.definition


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_resource_server_starts_when_the_auth_server_is_healthy(variant: str) -> None:
    assert VARIANTS[variant]["resource-server"].dependencies == {"auth-server": {"condition": "service_healthy"}}


def test_on_postgresql_the_order_is_database_migration_server() -> None:
    found = VARIANTS["postgres"]

    assert found["migrate"].dependencies["database"]["condition"] == "service_healthy"
    assert found["auth-server"].dependencies["migrate"]["condition"] == "service_completed_successfully"
    assert found["migrate"].definition["restart"] == "no"


def test_without_the_profile_the_auth_server_waits_for_nothing_that_is_not_there() -> None:
    found = VARIANTS["sqlite"]

    assert all(name in found or rule.get("required") is False for name, rule in found["auth-server"].dependencies.items())


def test_the_database_url_names_the_database_service_exactly_when_there_is_a_password() -> None:
    url = urlsplit(VARIANTS["postgres"]["auth-server"].environment["AUTH_SERVER_DATABASE_URL"])

    assert (url.scheme, url.hostname, url.password) == ("postgresql", "database", "canary-password")
    assert VARIANTS["sqlite"]["auth-server"].environment["AUTH_SERVER_DATABASE_URL"] == ""


def test_the_profile_without_a_password_stops_at_the_database() -> None:
    """Forgotten settings must not end in an auth server on SQLite: all that waits for the database must not start."""
    found = VARIANTS["postgres, forgotten settings"]

    assert found["database"].environment["POSTGRES_PASSWORD"] == ""
    assert found["database"].definition["restart"] == ""
    assert found["migrate"].dependencies["database"].get("required") is not False


def test_the_migration_runs_in_the_image_and_with_the_settings_of_the_server() -> None:
    found = VARIANTS["postgres"]

    assert found["migrate"].definition["image"] == found["auth-server"].definition["image"]
    assert found["migrate"].environment == found["auth-server"].environment


def test_the_configuration_is_mounted_where_the_setting_says_and_is_in_the_checkout() -> None:
    server = VARIANTS["sqlite"]["auth-server"]
    source = next(source for source, target in server.mounts.items() if target == server.environment["AUTH_SERVER_CONFIG"])

    assert (ROOT / source).is_file()
    assert f"{source}:{server.mounts[source]}:ro" in server.definition["volumes"]


def test_the_demo_declares_the_resource_that_the_resource_server_is() -> None:
    server = VARIANTS["sqlite"]["resource-server"]
    declared = tomllib.loads((ROOT / "docs" / "demo" / "config.toml").read_text(encoding="utf-8"))["resources"]

    assert [resource["identifier"] for resource in declared] == [server.environment["RESOURCE_SERVER_AUDIENCE"]]


def test_the_issuer_is_one_name_and_is_fetched_under_another() -> None:
    """A token's `iss` is what people's browsers can open; inside a container that name is the container itself."""
    server, issuer = VARIANTS["sqlite"]["resource-server"], VARIANTS["sqlite"]["auth-server"]
    fetched = urlsplit(server.environment["RESOURCE_SERVER_METADATA_URL"])

    assert server.environment["RESOURCE_SERVER_ISSUER"] == issuer.environment["AUTH_SERVER_ISSUER"]
    assert fetched.hostname == issuer.name
    assert server.networks & issuer.networks


@pytest.mark.parametrize(
    "text, variables, outcome",
    [
        ("${A}", {"A": "x"}, "x"),
        ("${A:-d}", {}, "d"),
        ("${A:+b${A}c}", {"A": "x"}, "bxc"),
        ("${A:+b${A}c}", {}, ""),
    ],
)
def test_variables_are_filled_in_as_compose_does(text: str, variables: dict[str, str], outcome: str) -> None:
    assert interpolated(text, variables) == outcome


def test_a_variable_that_must_be_set_is_asked_for() -> None:
    with pytest.raises(ValueError, match=r"^A must be set"):
        interpolated("${A:?say it}", {})
