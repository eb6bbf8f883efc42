"""Floor 6: builds floors 1 to 5 once, from settings. One file for each group of collaborators.

Owns the choice of every implementation and who is handed what. Refuses to know doors, grants and any rule.
"""

from auth_server.services.build import build_services
from auth_server.services.services import Services

__all__ = ["Services", "build_services"]
