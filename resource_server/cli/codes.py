"""Exit codes of the command."""

from __future__ import annotations

from typing import Final

OK: Final = 0
# Not ready (health), refused (explain), a check failed (doctor).
UNHEALTHY: Final = 1
WRONG_SETTINGS: Final = 2
CANNOT_LISTEN: Final = 3
# The issuer's keys are not here, so nothing can be said of the token.
UNDECIDED: Final = 4
