"""The token that is measured: as long as the one that the budget is stated for, and one that the kit takes."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.peers.issuer import AUDIENCE, THUMBPRINT, an_issuer
from resource_server.verifier.key_set import parse_key_set
from resource_server.verifier.policy import Policy
from resource_server.verifier.verify import verify
from shared import base64url, jose

BUDGET_BYTES = 867
# The port of the issuer has four or five digits.
SPREAD = 8


def test_the_token_that_is_timed_is_the_one_of_the_budget(tmp_path: Path) -> None:
    with an_issuer(tmp_path) as issuer:
        realm = issuer.realm()
        realm.keys = (THUMBPRINT,)
        compact = realm.token_of_somebody().encode()

    header, payload, _signature = compact.split(b".")
    assert abs(len(compact) - BUDGET_BYTES) <= SPREAD
    assert len(json.loads(base64url.decode(payload))) == 11
    assert json.loads(base64url.decode(header)) == {"alg": jose.RS256, "typ": jose.ACCESS_TOKEN_TYPE, "kid": THUMBPRINT}
    keys = parse_key_set(realm.key_set().encode(), frozenset({jose.RS256}))
    who = verify(compact, keys, Policy(realm.url, frozenset({AUDIENCE})), realm.now())
    assert (who.scopes, who.roles) == ({"notes:read", "notes:write"}, {"editor", "reviewer"})
