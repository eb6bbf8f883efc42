"""Floor 1: the settings of the auth server. One table, one value, the checks between them, and the only reader of the environment."""

from auth_server.settings.load import effective, load
from auth_server.settings.settings import Settings
from auth_server.settings.table import PREFIX, TABLE

__all__ = ["PREFIX", "TABLE", "Settings", "effective", "load"]
