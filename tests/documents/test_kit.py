"""`docs/kit.md` shows the examples as they are, and the profiles as the code has them."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from resource_server import Guard
from resource_server.verifier.profile import PROFILES
from resource_server.verifier.scopes import Rules

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "kit.md").read_text(encoding="utf-8")
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*_orders.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_shown_as_it_runs(example: Path) -> None:
    assert f"```python\n{example.read_text(encoding='utf-8').rstrip()}\n```" in TEXT


def test_every_profile_stands_there_with_what_it_relaxes_and_nothing_else() -> None:
    rows = [
        f"| `{profile.name}` | {' '.join(profile.relaxes) or 'nothing'} | {' '.join(profile.demands) or '–'} |"
        for profile in PROFILES.values()
    ]

    assert re.findall(r"^\| `\w+` \| .* \| .* \|$", TEXT, re.MULTILINE) == rows


def test_every_word_of_a_requirement_is_explained() -> None:
    section = TEXT.partition("## What a route may ask")[2].partition("\n## ")[0]

    assert [word for word in Rules.__annotations__ if f"{word}=" not in section] == []


def test_every_snippet_is_python_and_names_what_there_is() -> None:
    for snippet in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        for node in ast.walk(ast.parse(snippet)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "guard":
                assert hasattr(Guard, node.attr), node.attr
    for named in re.findall(r"`guard\.(\w+)", TEXT):
        assert hasattr(Guard, named), named


def test_the_several_issuers_of_the_paper_make_a_guard() -> None:
    snippet = re.search(r"```python\n([^`]*Issuer\([^`]*)```", TEXT)
    assert snippet is not None
    made: dict[str, Any] = {}
    exec(snippet[1], made)  # makes no I/O

    assert [issuer.policy.profile.name for issuer in made["guard"].issuers.values()] == ["rfc9068", "auth0", "keycloak"]
