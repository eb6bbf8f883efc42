"""The copy on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from resource_server.jwks.state_file import StateFile, StateUnusable
from tests.resource_server.support import ISSUER, RS256_ONLY, a_key_set, rsa_jwk


def a_file(folder: Path, issuer: str = ISSUER) -> StateFile:
    return StateFile(folder, issuer, RS256_ONLY)


def a_saved_file(folder: Path) -> StateFile:
    file = a_file(folder)
    file.save(a_key_set(rsa_jwk("one"), epoch=7, revoked=["burned"]), 1234.5)
    return file


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    a_saved_file(tmp_path / "state")

    saved = a_file(tmp_path / "state").load()

    assert saved is not None
    assert saved.confirmed_at == 1234.5
    assert (set(saved.key_set.keys), saved.key_set.revoked, saved.key_set.epoch) == ({"one"}, {"burned"}, 7)


def test_nothing_saved_is_nothing(tmp_path: Path) -> None:
    assert a_file(tmp_path / "never").load() is None


def test_tombstones_alone_come_back_too(tmp_path: Path) -> None:
    a_file(tmp_path).save(a_key_set(rsa_jwk("one"), epoch=7).without(frozenset({"one"})), 1.0)

    saved = a_file(tmp_path).load()

    assert saved is not None
    assert saved.key_set.revoked == {"one"}


def test_the_file_holds_public_members_alone_and_only_its_owner_may_write_it(tmp_path: Path) -> None:
    file = a_saved_file(tmp_path)

    assert file.path.stat().st_mode & 0o777 == 0o600
    keys = json.loads(json.loads(file.path.read_text())["jwks"])["keys"]
    assert [set(key) for key in keys] == [{"kty", "kid", "alg", "use", "n", "e"}]
    assert [path.name for path in tmp_path.iterdir()] == [file.path.name]


def test_issuers_do_not_share_a_file(tmp_path: Path) -> None:
    a_saved_file(tmp_path)

    assert a_file(tmp_path, "https://other.example").load() is None


@pytest.mark.parametrize("position", [0.0, 0.2, 0.5, 0.8, 0.999])
def test_any_damage_is_noticed(tmp_path: Path, position: float) -> None:
    file = a_saved_file(tmp_path)
    body = bytearray(file.path.read_bytes())
    body[int(position * len(body))] ^= 1
    file.path.write_bytes(body)

    with pytest.raises(StateUnusable):
        file.load()


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b'{"sha256":null}', b"x" * (1024 * 1024 + 2)])
def test_rubbish_is_told_and_not_used(tmp_path: Path, body: bytes) -> None:
    file = a_saved_file(tmp_path)
    file.path.write_bytes(body)

    with pytest.raises(StateUnusable):
        file.load()


def test_the_file_of_another_issuer_under_our_name_is_not_used(tmp_path: Path) -> None:
    other = a_file(tmp_path, "https://other.example")
    a_saved_file(tmp_path).path.rename(other.path)

    with pytest.raises(StateUnusable):
        other.load()


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_can_write_is_not_used(tmp_path: Path, mode: int) -> None:
    file = a_saved_file(tmp_path)
    file.path.chmod(mode)

    with pytest.raises(StateUnusable, match="others"):
        file.load()


def test_a_folder_in_the_files_place_is_told(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    file.path.mkdir()

    with pytest.raises(StateUnusable):
        file.load()
    with pytest.raises(OSError, match=r"\w"):
        file.save(a_key_set(), 1.0)
    assert [path.name for path in tmp_path.iterdir()] == [file.path.name]
