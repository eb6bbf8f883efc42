"""The two Dockerfiles: each takes its own half of the checkout, runs as nobody in particular, and answers for its own health."""

from pathlib import Path

import pytest

from tests.containers.dockerfile import Dockerfile, read_dockerfile

ROOT = Path(__file__).parents[2]
FILES = {name: read_dockerfile(ROOT / name / "Dockerfile") for name in ("auth_server", "resource_server")}
BOTH = [pytest.param(name, file, id=name) for name, file in FILES.items()]


@pytest.mark.parametrize("name, file", BOTH)
def test_an_image_takes_its_own_folder_the_shared_one_and_its_own_lock(name: str, file: Dockerfile) -> None:
    assert sorted(file.copied_from_context()) == sorted([f"{name}/", "shared/", f"{name}/requirements.lock"])


@pytest.mark.parametrize("name, file", BOTH)
def test_every_package_is_checked_against_its_digest(name: str, file: Dockerfile) -> None:
    installs = [i.rest for stage in file.stages for i in stage if i.word == "RUN" and " install --" in i.rest and "pip" in i.rest]

    assert len(installs) == 1
    assert all(option in installs[0] for option in ("--require-hashes", "--only-binary :all:", "--no-deps"))


@pytest.mark.parametrize("name, file", BOTH)
def test_both_stages_start_from_one_interpreter(name: str, file: Dockerfile) -> None:
    """A venv names its interpreter by path, so it works only where the same one is."""
    bases = {stage[0].rest.split(" ")[0] for stage in file.stages}

    assert bases == {"python:${PYTHON_VERSION}-slim"}


@pytest.mark.parametrize("name, file", BOTH)
def test_the_process_is_a_numeric_user_without_rights(name: str, file: Dockerfile) -> None:
    user, group = file.last("USER").rest.split(":")

    assert int(user) >= 10_000
    assert int(group) >= 10_000


@pytest.mark.parametrize("name, file", BOTH)
def test_the_image_serves_checks_itself_and_stops_when_told(name: str, file: Dockerfile) -> None:
    command = name.replace("_", "-")

    assert file.last("ENTRYPOINT").arguments == [command]
    assert file.last("CMD").arguments == ["serve"]
    assert file.last("HEALTHCHECK").rest.endswith(f'CMD ["{command}", "health"]')
    assert file.last("STOPSIGNAL").rest == "SIGTERM"


@pytest.mark.parametrize("name, file", BOTH)
def test_the_image_listens_on_every_address_and_holds_no_secret(name: str, file: Dockerfile) -> None:
    prefix = f"{name.upper()}_"
    settings = {variable: value for variable, value in file.environment().items() if variable.startswith(prefix)}

    assert settings.pop(f"{prefix}HOST") == "0.0.0.0"
    assert settings == ({"AUTH_SERVER_DATA_DIR": "/var/lib/sealwright"} if name == "auth_server" else {})


@pytest.mark.parametrize("name, file", BOTH)
def test_the_image_says_what_it_is(name: str, file: Dockerfile) -> None:
    labels = " ".join(i.rest for i in file.image if i.word == "LABEL")

    for label in ("title", "description", "licenses", "version", "revision", "created", "base.name"):
        assert f"org.opencontainers.image.{label}=" in labels


def test_the_builder_sees_only_what_the_images_take() -> None:
    """Databases, generated keys and .env lie beside the code on a developer's machine."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]

    assert rules[0] == "*"
    assert {rule for rule in rules if rule.startswith("!")} == {"!auth_server", "!resource_server", "!shared"}
