"""How the demo talks: numbered chapters, one line for each thing seen, and an end when something is not as it must be."""

from __future__ import annotations

import base64
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import Any, Final

_COLOUR: Final = sys.stdout.isatty() and "NO_COLOR" not in os.environ


class NotAsItMustBe(Exception):
    """The demo saw something that must not be; the sentence says what."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, as much of it as the demo looks at."""

    status: int
    headers: dict[str, str]
    body: Any = field(repr=False)

    @property
    def challenge(self) -> str:
        """Return the WWW-Authenticate header."""
        return self.headers.get("www-authenticate", "")


def call(
    method: str,
    url: str,
    *,
    token: str | None = None,
    json_body: Any = None,
    form: dict[str, str] | None = None,
    basic: tuple[str, str] | None = None,
) -> Answer:
    """Make one request and return what came back, whatever its status."""
    headers = {}
    content: bytes | None = None
    if json_body is not None:
        headers["Content-Type"], content = "application/json", json.dumps(json_body).encode()
    if form is not None:
        headers["Content-Type"], content = "application/x-www-form-urlencoded", urllib.parse.urlencode(form).encode()
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    if basic is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(basic).encode()).decode()
    request = urllib.request.Request(url, data=content, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return _answer(answer)
    except urllib.error.HTTPError as refusal:
        return _answer(refusal)


def _answer(answer: Any) -> Answer:
    raw = answer.read()
    headers = {name.lower(): value for name, value in answer.headers.items()}
    is_json = "json" in headers.get("content-type", "")
    return Answer(answer.status, headers, json.loads(raw) if is_json and raw else raw)


def decode(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and payload of a JWT, unverified: to look at, not to believe."""
    header, payload = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in token.split(".")[:2])
    return header, payload


class Story:
    """Prints what is seen."""

    def __init__(self) -> None:
        self._chapter = 0

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self._chapter += 1
        print(f"\n{_bold(f'{self._chapter}. {title}')}", flush=True)

    def saw(self, text: str) -> None:
        """Say what was seen, when it is as it must be."""
        print(f"   {_green('✓')} {text}", flush=True)

    def show(self, text: str) -> None:
        """Show something that was received."""
        for line in text.splitlines():
            print(f"     {line}", flush=True)

    def expect(self, answer: Answer, status: int, text: str, *, error: str | None = None) -> Answer:
        """Check an answer's status, and the error code in its challenge or body, and say what was seen.

        Raises:
            NotAsItMustBe: another status or error.
        """
        told = answer.challenge + (str(answer.body.get("error")) if isinstance(answer.body, dict) else "")
        if answer.status != status or (error is not None and error not in told):
            raise NotAsItMustBe(
                f"{text}: expected {status} {error or ''}, got {answer.status} {answer.challenge} {answer.body!r:.300}"
            )
        reason = answer.body.get("reason") if isinstance(answer.body, dict) else None
        self.saw(f"{text} → {status}" + (f" {error}" if error else "") + (f" ({reason})" if reason not in (None, error) else ""))
        return answer

    def must(self, condition: bool, text: str) -> None:
        """Check a fact and say it.

        Raises:
            NotAsItMustBe: it does not hold.
        """
        if not condition:
            raise NotAsItMustBe(f"not so: {text}")
        self.saw(text)


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if _COLOUR else text


def _green(text: str) -> str:
    return f"\033[32m{text}\033[0m" if _COLOUR else text
