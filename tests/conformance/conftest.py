"""Every custodian of keys, for the tests below this folder."""

from __future__ import annotations

from tests.support.custodians import home, home_of

__all__ = ["home", "home_of"]
