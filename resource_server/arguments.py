"""The checks of a guard's arguments that are more than a type."""

from __future__ import annotations

from math import isfinite
from urllib.parse import urlsplit

from resource_server.jwks.cache import HEALTHY_FACTOR
from resource_server.jwks.fetcher import check_url
from shared import well_known
from shared.settings import server_url


def check_addresses(issuer: str, metadata_url: str | None, *, insecure_http: bool) -> None:
    """Refuse addresses that keys may not be fetched from (ValueError)."""
    for name, url in (("issuer", issuer), ("metadata_url", metadata_url)):
        if url is None:
            continue
        try:
            server_url(url)
            check_url(url, insecure_http=insecure_http)
        except ValueError as error:
            raise ValueError(f"{name} {url!r}: {error}") from error


def check_timing(jwks_refresh: float, max_stale: float) -> None:
    """Refuse times under which a healthy API would drop its keys (ValueError)."""
    if not (isfinite(jwks_refresh) and jwks_refresh > 0):
        raise ValueError("jwks_refresh must be a positive number of seconds")
    longest = HEALTHY_FACTOR * jwks_refresh
    if not (isfinite(max_stale) and max_stale >= longest):
        raise ValueError(
            f"max_stale must be at least 1.25 x jwks_refresh ({longest:g} s): otherwise keys would be dropped between two refreshes"
        )


def metadata_address(resource: str) -> str | None:
    """Return where the resource's metadata is (RFC 9728 section 3), or None where its identifier is no web address."""
    parts = urlsplit(resource)
    fit = parts.scheme in {"http", "https"} and parts.hostname and not parts.fragment and resource.isascii()
    return well_known.protected_resource_url(resource) if fit else None


def encryption_keys_address(resource: str) -> str | None:
    """Return where the keys are that tokens for this API are encrypted to, or None where its identifier is no web address."""
    address = metadata_address(resource)
    return None if address is None else "{0.scheme}://{0.netloc}".format(urlsplit(address)) + well_known.JWKS


def document_paths(resource: str, *, encrypted: bool = False) -> frozenset[str]:
    """Return where this API serves its metadata: at the well-known path, and behind it under the path of its identifier.

    Args:
        encrypted: it publishes a key to encrypt tokens to as well.
    """
    address = metadata_address(resource)
    keys = [well_known.JWKS] if encrypted else []
    return frozenset({well_known.PROTECTED_RESOURCE, *keys, *([] if address is None else [urlsplit(address).path])})
