"""Which algorithm may be asked for."""

from __future__ import annotations

from collections.abc import Collection

from shared import jose


def signing_alg_fault(alg: str | None, configured: Collection[str]) -> str | None:
    """Return what is wrong with the algorithm that a resource or a client asks for, or None.

    Symmetric algorithms are known nowhere here: who could verify such a token could make one (RFC 8725 section 3.2).

    Args:
        alg: None asks for nothing.
        configured: the algorithms this server signs with.
    """
    if alg is None or alg in configured:
        return None
    if alg not in jose.ALGORITHMS:
        return f"signing_alg must be one of {', '.join(sorted(configured))}"
    return f"signing_alg {alg} is not among AUTH_SERVER_SIGNING_ALGORITHMS ({', '.join(sorted(configured))}): add it there first"
