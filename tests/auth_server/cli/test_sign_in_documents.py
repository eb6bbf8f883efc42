"""The pages about signing people in: each command in them runs, and each document is as it is told."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from auth_server.protocol.user_claims import OF_SCOPE
from tests.auth_server.cli.conftest import Operator

DOCS = Path(__file__).parents[3] / "docs"
PAGES = ("authorization-code.md", "openid-connect.md", "logout.md")


def _commands(page: str) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.startswith("auth-server ")]


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run_in_order(operator: Operator, page: str) -> None:
    commands = _commands(page)

    assert len(commands) >= 2
    for line in commands:
        told = operator(*shlex.split(line)[1:])
        assert told.code == 0, (line, told.err)


def test_the_scopes_and_their_claims_are_those_of_the_table() -> None:
    text = (DOCS / "openid-connect.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", text, re.MULTILINE)

    assert {scope: tuple(claims.split()) for scope, claims in rows} == OF_SCOPE


def test_the_id_token_of_the_page_has_the_members_of_a_real_one() -> None:
    text = (DOCS / "openid-connect.md").read_text(encoding="utf-8")
    shown = json.loads(re.search(r"^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[1])  # type: ignore[index]

    # `tests/auth_server/endpoints/test_openid_connect.py` holds a real one to the same set.
    assert shown.keys() == {"iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "amr", "at_hash", "nonce", "sid"}
