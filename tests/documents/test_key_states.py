"""`docs/keys.md` shows the states of a key as the code has them."""

from __future__ import annotations

from pathlib import Path

from auth_server.keys.lifecycle import TRANSITIONS
from tests.documents.key_states import WHY, mermaid

TEXT = (Path(__file__).parents[2] / "docs" / "keys.md").read_text(encoding="utf-8")


def test_the_picture_is_drawn_from_the_table_of_transitions() -> None:
    """`python -m tests.documents.key_states` prints it anew."""
    assert f"```mermaid\n{mermaid()}\n```" in TEXT


def test_every_transition_has_its_reason_and_no_other() -> None:
    assert set(WHY) == {(before, after) for before, afters in TRANSITIONS.items() for after in afters}
