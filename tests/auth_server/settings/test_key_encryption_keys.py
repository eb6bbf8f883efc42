"""Key encryption keys that come from a file: whoever reads it and a backup is the issuer."""

from __future__ import annotations

from pathlib import Path

import pytest

from auth_server.settings import load
from shared.settings import SettingsError

KEY = "A" * 43


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with one key."""
    path = tmp_path / "keys"
    path.write_text(KEY + "\n", encoding="ascii")
    return path


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640])
def test_a_file_for_its_owner_and_group_is_read(mode: int, file: Path) -> None:
    file.chmod(mode)

    keys = load({"AUTH_SERVER_KEY_ENCRYPTION_KEYS_FILE": str(file)}).key_encryption_keys

    assert keys == (KEY,)


@pytest.mark.parametrize("mode", [0o444, 0o604, 0o644, 0o602])
def test_a_file_that_everybody_may_read_or_write_is_refused(mode: int, file: Path) -> None:
    file.chmod(mode)

    with pytest.raises(SettingsError) as refusal:
        load({"AUTH_SERVER_KEY_ENCRYPTION_KEYS_FILE": str(file)})

    (fault,) = refusal.value.faults
    assert fault.startswith(f"AUTH_SERVER_KEY_ENCRYPTION_KEYS_FILE: cannot read {file} (everybody may read or write it")
    assert KEY not in fault


def test_files_of_other_settings_are_not_held_to_it(tmp_path: Path) -> None:
    """Where they are mounted is often readable for everybody in a container, and none of them opens a backup."""
    path = tmp_path / "url"
    path.write_text("sqlite:////tmp/none.db", encoding="ascii")
    path.chmod(0o644)

    assert load({"AUTH_SERVER_DATABASE_URL_FILE": str(path)}).database_url == "sqlite:////tmp/none.db"
