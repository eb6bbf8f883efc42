"""S07 with the real thing: what the auth server hands out beside an access token, before the kit (RFC 8725 section 3.11)."""

from __future__ import annotations

import pytest

from resource_server.verifier.errors import WrongType
from resource_server.verifier.key_set import parse_key_set
from resource_server.verifier.policy import Policy
from resource_server.verifier.verify import verify
from tests.support.auth_app import ISSUER, Issuer
from tests.support.keys import claims_of
from tests.support.visitor import Visitor


async def test_s07_the_real_id_token(issuer: Issuer) -> None:
    tokens = await Visitor(issuer).tokens()
    access_token, id_token = tokens["access_token"], tokens["id_token"]
    key_set = parse_key_set((await issuer.http.get("/.well-known/jwks.json")).content, frozenset({"RS256"}))
    now = claims_of(access_token)["iat"]
    # Both audiences are this API's, so that nothing but its kind stands against the ID token.
    audiences = frozenset({claims_of(id_token)["aud"], *audiences_of(access_token)})
    policy = Policy(ISSUER, audiences)

    assert verify(access_token.encode(), key_set, policy, now).subject == claims_of(id_token)["sub"]
    with pytest.raises(WrongType):
        verify(id_token.encode(), key_set, policy, now)


def audiences_of(token: str) -> list[str]:
    audience = claims_of(token)["aud"]
    return [audience] if isinstance(audience, str) else audience
