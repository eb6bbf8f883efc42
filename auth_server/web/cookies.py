"""Cookies: their names and attributes (RFC 6265bis section 4.1.3)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CookieJar:
    """Spells cookies for one issuer. On an http loopback issuer a browser would drop `Secure` cookies, and with them `__Host-` ones."""

    secure: bool

    def name(self, bare: str) -> str:
        """Return the full name: `__Host-` pins a cookie to this very host over https."""
        return f"__Host-{bare}" if self.secure else bare

    def set(self, bare: str, value: str, max_age: int) -> bytes:
        """Return the `Set-Cookie` value of a cookie that no script can read. `max_age` in seconds; 0 takes it away."""
        secure = "; Secure" if self.secure else ""
        return f"{self.name(bare)}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}".encode("ascii")
