"""Which names a role and its permissions may have."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from shared.scope import is_scope_token

MAX_PERMISSIONS: Final = 500
_MAX_PERMISSION: Final = 128
_ROLE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


def faults(name: str, permissions: Iterable[str]) -> list[str]:
    """Return a sentence for each thing that is wrong with a role.

    A permission is spelled like a scope (RFC 6749 section 3.3), because a scope's name may stand for the permission to use it.
    """
    found = []
    if not _ROLE_NAME.fullmatch(name):
        found.append("a role's name has 1 to 64 letters, digits and . _ : -, a letter or digit first")
    wanted = sorted(set(permissions))
    if len(wanted) > MAX_PERMISSIONS:
        found.append(f"a role has at most {MAX_PERMISSIONS} permissions")
    found += [
        f"malformed permission {permission!r}"
        for permission in wanted
        if len(permission) > _MAX_PERMISSION or not is_scope_token(permission)
    ]
    return found
