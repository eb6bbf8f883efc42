"""The inequalities between our timing and the issuer's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from resource_server.jwks.key_policy import OwnTiming, find_violations
from shared.key_policy import KeyPolicy

OWN = OwnTiming(healthy_for=300, leeway=60, max_stale=86_400, max_lifetime=3600)


def test_the_defaults_of_both_sides_fit() -> None:
    assert find_violations(KeyPolicy(), OWN) == ()


@pytest.mark.parametrize(
    "policy, own, word",
    [
        (KeyPolicy(clock_error=30.5), OWN, "leeway"),
        (KeyPolicy(), replace(OWN, leeway=59), "leeway"),
        (KeyPolicy(publish_ahead=600), OWN, "jwks_refresh"),
        (KeyPolicy(publish_ahead=601), replace(OWN, healthy_for=301), "jwks_refresh"),
        (KeyPolicy(retire_after=779), OWN, "retired"),
        (KeyPolicy(access_token_lifetime=3601), OWN, "tokens live"),
        (KeyPolicy(), replace(OWN, max_stale=299), "max_stale"),
    ],
)
def test_each_inequality_is_exact_and_its_sentence_names_the_remedy(policy: KeyPolicy, own: OwnTiming, word: str) -> None:
    faults = find_violations(policy, own)

    assert len(faults) == 1
    assert word in faults[0]


@pytest.mark.parametrize(
    "policy", [KeyPolicy(publish_ahead=601), KeyPolicy(retire_after=780), KeyPolicy(access_token_lifetime=3600)]
)
def test_the_smallest_legal_values_are_legal(policy: KeyPolicy) -> None:
    assert find_violations(policy, OWN) == ()
