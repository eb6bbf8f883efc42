"""An issuer as a developer names it to a guard."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Issuer:
    """One issuer that a guard trusts, with what is particular to it; what is None is as the guard has it.

    Args:
        issuer: what `iss` must equal, character by character; https, or http on loopback.
        profile: how it spells its tokens: `rfc9068` (nothing is relaxed), `keycloak`, `auth0` or `generic`; see `verifier/profile.py`.
        metadata_url: where to fetch its metadata if its network name differs from the issuer.
        audience: what a token of this issuer must name as this API, or several such names.
        algorithms: allow-list for this issuer.
    """

    issuer: str
    profile: str | None = None
    metadata_url: str | None = None
    audience: str | Collection[str] | None = None
    algorithms: str | Iterable[str] | None = None


def named_issuers(issuer: str | Issuer | Collection[str | Issuer], metadata_url: str | None) -> tuple[Issuer, ...]:
    """Return the issuers that one argument names.

    Raises:
        ValueError: none at all, the same one twice, or a `metadata_url` that could mean any of several.
    """
    given = (issuer,) if isinstance(issuer, str | Issuer) else tuple(issuer or ())
    if not given:
        raise ValueError("an issuer is needed: without one, nobody's tokens could be accepted")
    if metadata_url is not None and (len(given) > 1 or not isinstance(given[0], str)):
        raise ValueError("metadata_url belongs to one issuer: write Issuer(issuer, metadata_url=...)")
    issuers = tuple(Issuer(one, metadata_url=metadata_url) if isinstance(one, str) else one for one in given)
    if len({one.issuer for one in issuers}) < len(issuers):
        raise ValueError("an issuer is named twice")
    return issuers
