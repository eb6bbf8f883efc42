"""Every refusal of the kit can be caused, and has a page that says what really happens; both servers mean the same by one word."""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import auth_server.protocol.errors as oauth
from resource_server.diagnosis.explain import ROWS
from tests.documents.refusal_pages import FOLDER, HEADINGS, client_block, log_block, rewritten, sections
from tests.documents.refused import PRODUCED, produce
from tests.documents.test_refusals import leaves, reasons

ROOT = Path(__file__).parents[2]
INDEX = (ROOT / "docs" / "refusals.md").read_text(encoding="utf-8")
DIAGNOSIS = (ROOT / "docs" / "diagnosis.md").read_text(encoding="utf-8")
REASONS = sorted(reasons())


def test_every_reason_is_caused_here_and_none_that_there_is_not() -> None:
    assert sorted(PRODUCED) == REASONS


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_is_reached_and_its_page_says_what_happens(reason: str) -> None:
    refused = produce(reason)
    page = (FOLDER / f"{reason}.md").read_text(encoding="utf-8")

    assert refused.answer.json["reason"] == reason
    assert [told["reason"] for told in refused.told] == [reason]
    assert tuple(sections(page)) == HEADINGS
    assert all(sections(page).values())
    assert client_block(refused) in page, "run python -m tests.documents.refusal_pages"
    assert log_block(refused) in page, "run python -m tests.documents.refusal_pages"


@pytest.mark.parametrize("reason", [reason for reason in REASONS if reason != "no_token"])
def test_the_operator_is_told_what_the_client_is_not(reason: str) -> None:
    refused = produce(reason)

    hint = refused.told[-1]["hint"]
    assert hint
    seen = refused.answer.body.decode() + json.dumps(refused.answer.headers)
    assert str(hint) not in seen


@pytest.mark.parametrize(
    "reason,named",
    [
        ("wrong_issuer", ("got", "expected", "setting: issuer")),
        ("wrong_audience", ("is for", "this API is", "setting: audience")),
        ("algorithm_not_allowed", ("got", "allowed", "setting: algorithms")),
        ("unknown_key", ("kid 'other'", "not among: one", "setting: issuer")),
        ("expired", ("3600 s ago", "leeway 60 s", "setting: leeway")),
        ("issued_in_the_future", ("300 s ahead", "leeway 60 s", "setting: leeway")),
        ("not_yet_valid", ("3600 s ahead", "leeway 60 s", "setting: leeway")),
        ("lifetime_too_long", ("86400 s", "expected 1 to 3600", "setting: max_lifetime")),
        ("insufficient_scope", ("has 'notes:read'", "needs 'notes:write'")),
        ("keys_unavailable", ("status 404", "settings: issuer, metadata_url")),
    ],
)
def test_a_hint_names_got_expected_setting_and_distance(reason: str, named: tuple[str, ...]) -> None:
    hint = str(produce(reason).told[-1]["hint"])

    assert [part for part in named if part not in hint] == []


def test_there_is_no_page_of_a_reason_that_there_is_not() -> None:
    assert sorted(page.stem for page in FOLDER.glob("*.md")) == REASONS


def test_the_index_leads_to_every_page() -> None:
    assert sorted(re.findall(r"\]\(refusals/(\w+)\.md\)", INDEX)) == REASONS


def test_rewriting_a_page_changes_what_no_longer_holds() -> None:
    refused = produce("expired")
    page = (FOLDER / "expired.md").read_text(encoding="utf-8")

    assert rewritten(page.replace("HTTP/1.1 401", "HTTP/1.1 999").replace("3600 s", "9 s"), refused) == page
    assert rewritten(page, refused) == page


def test_every_reason_has_its_row_in_an_explanation() -> None:
    assert sorted(reason for row in ROWS for reason in row.reasons) == REASONS


def test_every_mistake_has_its_line_in_the_paper_and_none_is_invented() -> None:
    named = set(mistakes())
    table = DIAGNOSIS.partition("| name | what it is |")[2].partition("\n\n")[0]

    assert set(re.findall(r"`(\w+)`", table)) == named


def mistakes() -> Iterator[str]:
    """Return the name in every `Mistake("name", ...)` of the sources."""
    for path in (ROOT / "resource_server" / "diagnosis").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Mistake":
                name = node.args[0]
                assert isinstance(name, ast.Constant), f"{path}: a name that is not spelt out"
                yield str(name.value)


def test_a_code_that_both_servers_answer_has_one_status_and_one_meaning() -> None:
    """`invalid_request` of the issuer and of an API mean the same to a client's library, so they are answered alike."""
    seen: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for status, code in re.findall(r"^\| (\d{3}) \| `(\w+)`", INDEX, flags=re.MULTILINE):
        seen[code]["auth server"].add(int(status))
    for reason in REASONS:
        answer = produce(reason).answer
        seen[answer.json["error"]]["resource server"].add(answer.status)
    shared = {code: sides for code, sides in seen.items() if len(sides) == 2}

    assert set(shared) >= {"invalid_request", "temporarily_unavailable"}
    assert all(sides["auth server"] >= sides["resource server"] for sides in shared.values()), shared
    assert {error.error for error in leaves(oauth.OAuthError) if issubclass(error, oauth.OAuthError)} <= set(seen)
