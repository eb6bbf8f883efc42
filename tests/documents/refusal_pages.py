"""The pages of `docs/refusals/`: the parts that are facts are written from what a real guard answered and told.

`python -m tests.documents.refusal_pages` writes them anew; sentences are written by hand and stay as they are.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from tests.documents.refused import PRODUCED, Refused, produce

FOLDER: Final = Path(__file__).parents[2] / "docs" / "refusals"
HEADINGS: Final = ("What the client saw", "What the log says", "Cause", "How to find it", "How to mend it")


def client_block(refused: Refused) -> str:
    """Return the answer as the client saw it."""
    answer = refused.answer
    shown = [f"HTTP/1.1 {answer.status}"]
    for name in ("WWW-Authenticate", "Retry-After"):
        value = answer.header(name.lower())
        shown += [f"{name}: {value}"] if value is not None else []
    return "```http\n" + "\n".join([*shown, "Content-Type: application/json", "", answer.body.decode()]) + "\n```"


def log_block(refused: Refused) -> str:
    """Return what the operator was told."""
    told = {name: value for name, value in refused.told[-1].items() if value is not None}
    return "```json\n" + json.dumps({"event": "token_refused", **told}) + "\n```"


def sections(text: str) -> dict[str, str]:
    """Return the text under each heading of the second level."""
    _, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    return {part.partition("\n")[0].strip(): part.partition("\n")[2].strip() for part in parts}


def rewritten(text: str, refused: Refused) -> str:
    """Return a page with its two code blocks as they are now."""
    for heading, block in (("What the client saw", client_block(refused)), ("What the log says", log_block(refused))):
        pattern = re.compile(rf"(^## {heading}\n\n)```.*?^```$", re.MULTILINE | re.DOTALL)
        text = pattern.sub(lambda match, block=block: match[1] + block, text)  # type: ignore[misc]
    return text


def main() -> None:
    """Write every page anew."""
    for reason in PRODUCED:
        page = FOLDER / f"{reason}.md"
        page.write_text(rewritten(page.read_text(encoding="utf-8"), produce(reason)), encoding="utf-8")


if __name__ == "__main__":
    main()
