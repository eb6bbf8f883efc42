"""Imports of `shared` become imports of the private copy, and nothing else changes."""

from __future__ import annotations

import pytest

from docs.packaging.rewrite import CannotRewrite, rewritten

SOURCE = '''"""About shared/claims.py: from shared import nothing."""
from shared import jose, scope as scope_string
from shared.claims import (
    ISSUER,
)
from sharedness import other
from .shared import near
TEXT = "from shared import x"

def late():
    from shared.settings import load
    return load
'''


def test_imports_are_rewritten_wherever_they_stand_and_words_are_not() -> None:
    after = rewritten(SOURCE, "kit")

    assert after == (
        SOURCE.replace("\nfrom shared import jose", "\nfrom kit._shared import jose")
        .replace("from shared.claims", "from kit._shared.claims")
        .replace("    from shared.settings", "    from kit._shared.settings")
    )


def test_rewriting_twice_changes_nothing_more() -> None:
    assert rewritten(rewritten(SOURCE, "kit"), "kit") == rewritten(SOURCE, "kit")


@pytest.mark.parametrize("line", ["import shared", "import shared.jose", "import re, shared.jose as jose"])
def test_an_import_that_binds_the_name_itself_is_told(line: str) -> None:
    with pytest.raises(CannotRewrite, match=r"a\.py:2"):
        rewritten(f"import re\n{line}\n", "kit", "a.py")
