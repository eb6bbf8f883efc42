"""`python -m auth_server` is `auth-server`."""

from __future__ import annotations

import sys

from auth_server.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
