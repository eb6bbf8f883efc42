"""The support chart is what the tests show and what the server says of itself."""

from __future__ import annotations

import re

import pytest

from tests.documents.support import CHART, ROWS, STATES, TESTS, Row, is_there, written
from tests.support.auth_app import ISSUER, Issuer

README = TESTS.parent / "README.md"
# What a server says of itself that is no part of any standard's list of features.
_DOCUMENTATION = {"service_documentation", "op_policy_uri", "op_tos_uri"}


def test_the_page_is_written_from_the_list() -> None:
    text = CHART.read_text(encoding="utf-8")

    assert written(text) == text, "run python -m tests.documents.support"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.standard}: {row.parts[:30]}")
def test_every_row_is_shown_by_tests_that_exist(row: Row) -> None:
    assert row.state in STATES
    assert row.shown_by
    assert [named for named in row.shown_by if not is_there(named)] == []


async def test_the_metadata_document_says_what_the_chart_says(issuer: Issuer) -> None:
    """Both ways: what is advertised is listed, and what is listed as there (and not switched off) is advertised."""
    document = (await issuer.http.get("/.well-known/openid-configuration")).json()
    listed = {member for row in ROWS for member in row.says}
    always = {member for row in ROWS if row.state in ("yes", "no") for member in row.says}

    assert set(document) - listed - _DOCUMENTATION == set()
    assert always - set(document) == set()
    assert document["request_parameter_supported"] is False
    assert document["issuer"] == ISSUER


def test_every_page_of_a_flow_exists() -> None:
    for page in re.findall(r"\]\(([a-z-]+\.md)\)", CHART.read_text(encoding="utf-8")):
        assert (CHART.parent / page).exists(), page


def test_the_readme_promises_nothing_else() -> None:
    """Every RFC of README's table that is said to be there is in the chart, or is about the kit."""
    table = README.read_text(encoding="utf-8").partition("| standard | state |")[2].partition("\n\n")[0]
    known = CHART.read_text(encoding="utf-8")
    about_the_kit = {"9470", "9700", "10027", "7516"}
    rows = [line for line in table.splitlines() if "not yet" not in line]
    named = {number for line in rows for number in re.findall(r"RFC (\d+)", line)}

    assert {number for number in named - about_the_kit if f"RFC {number}" not in known} == set()
    assert not [line for line in table.splitlines() if "not yet" in line and re.search(r"RFC (?:8628|8693|7662|7591|9126)", line)]
