"""`docs/refusals.md` lists every error that goes back to a client's redirect URI, and none that never does."""

from __future__ import annotations

import re
from pathlib import Path

import auth_server
from tests.documents.test_refusals import documented

SOURCES = Path(auth_server.__file__).parent
# A first argument of RedirectableError, and the errors of the steps.
_TOLD = (
    re.compile(r'RedirectableError\(\s*"(\w+)"'),
    re.compile(
        r'"(\w+_required|unmet_authentication_requirements|access_denied)"(?= if step|, session|, chosen|\)$)', re.MULTILINE
    ),
)
_FILES = ("protocol/authorization_checks.py", "interaction/next_step.py", "endpoints/authorize.py")


def test_every_error_of_the_authorization_endpoint_is_documented_and_no_other() -> None:
    sources = "\n".join((SOURCES / name).read_text(encoding="utf-8") for name in _FILES)
    told = {code for pattern in _TOLD for code in pattern.findall(sources)}

    assert "login_required" in told
    assert documented("authorization endpoint") == told
