"""Every member of a plug-in folder is in its registry: a file that nobody lists is a feature that nobody has."""

from pathlib import Path

import pytest

from tests.architecture.registries import NOT_MEMBERS, PLUG_INS, faults

ROOT = Path(__file__).parents[2]


def test_every_plug_in_folder_is_whole_and_every_member_is_registered() -> None:
    found = faults(ROOT)

    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    "missing, fault",
    [
        ("grants/contract.py", "auth_server/grants has no contract.py"),
        ("grants/registry.py", "auth_server/grants has no registry.py"),
        ("grants/__init__.py", "auth_server/grants has no __init__.py"),
    ],
)
def test_a_missing_part_is_told(missing: str, fault: str, tmp_path: Path) -> None:
    _write_slice(tmp_path, "from auth_server.grants.refresh_token import RefreshToken\n")
    (tmp_path / "auth_server" / missing).unlink()

    assert fault in faults(tmp_path)


def test_a_member_that_is_not_registered_is_told(tmp_path: Path) -> None:
    _write_slice(tmp_path, "from auth_server.grants.device_code import DeviceCode\n")

    assert faults(tmp_path) == ["auth_server/grants/refresh_token.py is in no line of its registry.py"]


def test_a_registered_member_is_no_fault(tmp_path: Path) -> None:
    _write_slice(tmp_path, "from auth_server.grants import refresh_token\n")

    assert faults(tmp_path) == []


def test_the_folders_and_the_files_that_are_excused_exist() -> None:
    """An excuse for a file that went away would wait there for a stranger of the same name."""
    assert [path for path in (*PLUG_INS, *sorted(NOT_MEMBERS)) if not (ROOT / path).exists()] == []


def _write_slice(root: Path, registry: str) -> None:
    folder = root / "auth_server" / "grants"
    folder.mkdir(parents=True)
    for name, source in {"__init__": "", "contract": "", "registry": registry, "refresh_token": ""}.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
