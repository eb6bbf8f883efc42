"""The key file beside an SQLite database: for its owner alone, made once."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from auth_server.keys.key_file import FILE_NAME, KeyFileRefused, load_or_create
from auth_server.keys.sealing import KeyEncryptionKeys


def test_the_first_start_makes_a_key_for_the_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"

    keys = load_or_create(folder)

    assert len(KeyEncryptionKeys.from_texts(keys).ids) == 1
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]


def test_later_starts_read_the_same_key(tmp_path: Path) -> None:
    assert load_or_create(tmp_path) == load_or_create(tmp_path)


def test_starts_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(load_or_create, [tmp_path] * 16))

    assert len(answers) == 1


def test_a_prepended_key_is_the_first(tmp_path: Path) -> None:
    (old,) = load_or_create(tmp_path)
    path = tmp_path / FILE_NAME
    path.write_text("new\n" + path.read_text())

    assert load_or_create(tmp_path) == ("new", old)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666])
def test_a_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    load_or_create(tmp_path)
    (tmp_path / FILE_NAME).chmod(mode)

    with pytest.raises(KeyFileRefused):
        load_or_create(tmp_path)


def test_a_folder_that_everybody_may_write_to_is_refused(tmp_path: Path) -> None:
    load_or_create(tmp_path)
    tmp_path.chmod(0o777)

    with pytest.raises(KeyFileRefused):
        load_or_create(tmp_path)


def test_an_empty_file_is_no_reason_to_make_a_new_key(tmp_path: Path) -> None:
    """A new key would lock out every private key that lies under the lost one."""
    path = tmp_path / FILE_NAME
    path.touch(mode=0o600)

    with pytest.raises(KeyFileRefused):
        load_or_create(tmp_path)
    assert path.read_text() == ""


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    load_or_create(tmp_path / "real")
    (tmp_path / FILE_NAME).symlink_to(tmp_path / "real" / FILE_NAME)

    with pytest.raises(KeyFileRefused):
        load_or_create(tmp_path)


def test_a_named_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FILE_NAME, 0o600)

    with pytest.raises(KeyFileRefused):
        load_or_create(tmp_path)
