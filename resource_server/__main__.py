"""`python -m resource_server` is the command `resource-server`."""

import sys

from resource_server.cli import main

if __name__ == "__main__":
    sys.exit(main())
