"""A short refresh interval is kept: the bucket of unknown kids must not starve the refreshes that nobody demanded."""

from __future__ import annotations

import pytest

from resource_server.jwks.cache import KeyCache
from resource_server.verifier.key_set import KeySet


@pytest.mark.parametrize("refresh_every", [1.0, 2.0, 10.0, 29.0, 240.0])
def test_every_refresh_comes_within_m(refresh_every: float) -> None:
    cache = KeyCache(refresh_every, max_stale=86_400, random=lambda: 0.5)
    now, ages = 0.0, []
    for _ in range(40):
        began = now
        cache.depart(now, demanded=False)
        cache.land(KeySet({}), now)
        now = cache.refresh_at(now)
        ages.append(now - began)

    assert max(ages) <= max(cache.healthy_for, 1.0)


def test_a_flood_of_unknown_kids_does_not_keep_a_short_refresh_from_coming() -> None:
    """Whoever demands a fetch brings the keys as well; between two of any kind lies less than M."""
    cache = KeyCache(4.0, max_stale=86_400, random=lambda: 0.5)
    now, last, longest = 0.0, 0.0, 0.0
    for _ in range(4_000):
        wanted = now >= max(cache._demand_at(), 0.0)
        if not cache.in_flight and (wanted or now >= cache.refresh_at(now)):
            longest, last = max(longest, now - last), now
            cache.depart(now, demanded=wanted)
            cache.land(KeySet({}), now)
        now += 0.05

    assert longest <= cache.healthy_for
