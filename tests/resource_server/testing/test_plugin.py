"""The plugin, in a run of pytest of its own, as a project has it that is not ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TESTS = """
import pytest
from resource_server.testing import reason_of

@pytest.fixture(scope="session")
def sealwright_resources():
    return {"https://orders.example.com": ("orders:read",)}

def test_a_fault_stays_in_its_test(sealwright_issuer, sealwright_guard):
    sealwright_issuer.skew(900)
    sealwright_issuer.go_dark()
    assert reason_of(sealwright_guard, sealwright_issuer.token()) == "issued_in_the_future"

def test_the_next_one_is_well(sealwright_issuer, sealwright_guard):
    assert sealwright_guard.verify(sealwright_issuer.token(scope="orders:read")).scopes == {"orders:read"}
    assert sealwright_issuer.audience == "https://orders.example.com"

def test_which_issuer(sealwright_issuer, request):
    assert sealwright_issuer.is_real == (request.config.getoption("--sealwright-issuer") != "keys")
"""


@pytest.mark.parametrize("words", [[], ["--sealwright-issuer=keys"]], ids=["real", "keys"])
def test_the_plugin_is_found_by_its_entry_point(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "test_api.py").write_text(TESTS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", f"--rootdir={tmp_path}", *words]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
