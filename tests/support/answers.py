"""What tests of the token endpoint ask of its answers."""

from __future__ import annotations

from typing import Final

import httpx2

FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


def assert_refused(answer: httpx2.Response, error: str = "invalid_grant", *, status: int = 400) -> None:
    """Hold an answer to be a refusal of this kind, kept by no cache, with no token in it."""
    assert (answer.status_code, answer.json().get("error")) == (status, error), answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "access_token" not in answer.text
