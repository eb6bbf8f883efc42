"""What a key source keeps on disk: a restart needs no issuer, and what cannot be trusted is not used."""

from __future__ import annotations

from pathlib import Path

import pytest

from resource_server.jwks.fetcher import FetchFailed
from resource_server.jwks.state_file import StateFile
from tests.resource_server.jwks.sources import Issuer, a_source
from tests.resource_server.support import ISSUER, NOW, RS256_ONLY, Events, a_key_set


def test_a_restart_needs_no_issuer(tmp_path: Path) -> None:
    file = StateFile(tmp_path, ISSUER, RS256_ONLY)
    with a_source(Issuer(a_key_set(epoch=3, revoked=["burned"])), state_file=file) as source:
        source.warm(5)
        source.close()
        source._thread.join(5)  # type: ignore[union-attr]

    events = Events()
    later = NOW + 3600.0
    with a_source(Issuer(FetchFailed("down")), state_file=file, wall_clock=lambda: later, tell=events) as source:
        assert source.warm(5)
        source.seek("one")
        assert source.age_seconds == pytest.approx(3600)
        assert source.view.key_set.revoked == {"burned"}
    assert events.named("saved_keys_loaded")


@pytest.mark.parametrize("later", [86_401.0, -61.0])
def test_saved_keys_beyond_h_or_from_the_future_are_not_used(tmp_path: Path, later: float) -> None:
    file = StateFile(tmp_path, ISSUER, RS256_ONLY)
    file.save(a_key_set(revoked=["burned"]), float(NOW))
    with a_source(Issuer(FetchFailed("down")), state_file=file, wall_clock=lambda: NOW + later) as source:
        assert not source.warm(0.05)
        assert source.view.key_set.revoked == {"burned"}


def test_damaged_saved_keys_are_told_and_left_alone(tmp_path: Path) -> None:
    file = StateFile(tmp_path, ISSUER, RS256_ONLY)
    file.path.write_bytes(b"{}")
    file.path.chmod(0o600)
    events = Events()
    with a_source(Issuer(a_key_set()), state_file=file, tell=events) as source:
        assert source.warm(5)
    assert events.named("saved_keys_unusable")


def test_a_folder_that_cannot_be_written_is_told_and_keys_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    events = Events()
    with a_source(Issuer(a_key_set()), state_file=StateFile(tmp_path / "file" / "x", ISSUER, RS256_ONLY), tell=events) as source:
        assert source.warm(5)
        source.close()
        source._thread.join(5)  # type: ignore[union-attr]
    assert events.named("keys_not_saved") or events.named("saved_keys_unusable")
