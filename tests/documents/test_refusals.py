"""`docs/refusals.md` lists every code that a caller can get, and none that nobody can."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import auth_server.protocol.errors as oauth
import resource_server.verifier.errors as bearer
from auth_server.protocol.authorization_response import RedirectableError
from auth_server.web.csrf import CsrfRefused

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "refusals.md").read_text(encoding="utf-8")
# Answered where there is no error class: by the last net, by the router, and by every door.
BARE = {"not_found", "server_error", "method_not_allowed", "temporarily_unavailable", CsrfRefused().error}


def test_every_oauth_error_is_documented_and_no_other() -> None:
    assert documented("OAuth endpoints") == {
        error.error
        for error in leaves(oauth.OAuthError)
        if issubclass(error, oauth.OAuthError) and error is not RedirectableError
    }


def test_every_error_of_the_first_party_api_is_documented_and_no_other() -> None:
    assert documented("`/api`") == set(api_errors()) | BARE


def test_every_reason_of_the_kit_is_documented_and_no_other() -> None:
    assert documented("At the resource server") == set(reasons())


def documented(heading: str) -> set[str]:
    """Return the codes in the table under a heading."""
    section = next(part for part in re.split(r"^## ", TEXT, flags=re.MULTILINE) if heading in part.splitlines()[0])
    return set(re.findall(r"^\| \d{3} \| \[?`(\w+)`", section, flags=re.MULTILINE))


def reasons() -> Iterator[str]:
    """Return every reason for which the kit refuses."""
    for refusal in leaves(bearer.TokenRefused):
        # `Undecided` stands for two reasons and has none itself.
        if issubclass(refusal, bearer.TokenRefused) and refusal is not bearer.Undecided:
            yield refusal.reason


def leaves(cls: type) -> Iterator[type]:
    """Return every class below a class."""
    for child in cls.__subclasses__():
        yield child
        yield from leaves(child)


def api_errors() -> Iterator[str]:
    """Return the code of every `ApiError(status, code, …)` in the sources."""
    for path in (ROOT / "auth_server").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "ApiError"
                and len(node.args) > 1
            ):
                code = node.args[1]
                assert isinstance(code, ast.Constant), f"{path}: an error code that is not spelt out"
                yield str(code.value)
