"""A worker: jobs come with the token of whoever asked for them. One JSON object a line, `{"token": ..., "order": ...}`."""

from __future__ import annotations

import json
import sys
from typing import Any

from resource_server import Guard, TokenRefused

guard = Guard.from_env()


@guard.protected("orders:write", get_token=lambda job: job["token"])
def place_order(job: dict[str, Any]) -> dict[str, Any]:
    return {"placed": job["order"], "for": guard.current.sub}


def main() -> None:
    guard.warm()
    for line in sys.stdin:
        try:
            print(json.dumps(place_order(json.loads(line))), flush=True)
        except TokenRefused as refusal:
            print(json.dumps({"refused": refusal.reason}), flush=True)


if __name__ == "__main__":
    main()
