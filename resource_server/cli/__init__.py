"""The command `resource-server`. Owns what is said to operators, and exit codes; nothing of it is reachable from the network.

Refuses to judge: `explain` runs the guard and `doctor` the kit's own reading of the issuer, and `diagnosis/` says what it means.
"""

from resource_server.cli.codes import CANNOT_LISTEN, OK, UNDECIDED, UNHEALTHY, WRONG_SETTINGS
from resource_server.cli.main import main

__all__ = ["CANNOT_LISTEN", "OK", "UNDECIDED", "UNHEALTHY", "WRONG_SETTINGS", "main"]
