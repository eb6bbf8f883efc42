"""A receiver of shared signals, as a program of its own would be one: it manages streams, polls, and verifies by the published keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import httpx2
import jwt

from tests.support.auth_app import ISSUER, Issuer, basic
from tests.support.builders import NOTES
from tests.support.registered import SECRETS

ON: Final = {"SHARED_SIGNALS": "true"}
SESSION_REVOKED: Final = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
CREDENTIAL_CHANGE: Final = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
VERIFICATION: Final = "https://schemas.openid.net/secevent/ssf/event-type/verification"
PUSH: Final = "urn:ietf:rfc:8935"
POLL: Final = "urn:ietf:rfc:8936"


@dataclass
class Receiver:
    """One receiver; `client` is who it is at the auth server."""

    issuer: Issuer
    client: str = "gateway"

    async def ask(self, method: str, path: str, body: Any = None, **query: str) -> httpx2.Response:
        """Ask an endpoint of the transmitter."""
        headers = {"authorization": basic(self.client, SECRETS[self.client])}
        return await self.issuer.http.request(method, path, headers=headers, json=body, params=query)

    async def stream(self, **configuration: Any) -> dict[str, Any]:
        """Make a stream, polled unless told otherwise."""
        answer = await self.ask("POST", "/ssf/streams", configuration)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def poll(self, stream: dict[str, Any], **asked: Any) -> dict[str, Any]:
        """Poll a stream; at once unless told otherwise."""
        path = stream["delivery"]["endpoint_url"].removeprefix(ISSUER)
        answer = await self.ask("POST", path, {"returnImmediately": True, **asked})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def events(self, stream: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the verified claims of everything that waits, without acknowledging it."""
        sets = (await self.poll(stream))["sets"]
        claims = [await self.verified(token) for token in sets.values()]
        assert [told["jti"] for told in claims] == list(sets)
        return claims

    async def verified(self, token: str) -> dict[str, Any]:
        """Return the claims of a token, verified as a library of its own does it."""
        metadata = (await self.issuer.http.get("/.well-known/ssf-configuration")).json()
        keys = jwt.PyJWKSet.from_dict((await self.issuer.http.get(metadata["jwks_uri"])).json())
        header = jwt.get_unverified_header(token)
        assert header["typ"] == "secevent+jwt"
        claims: dict[str, Any] = jwt.decode(
            token,
            keys[header["kid"]],
            algorithms=["RS256"],
            issuer=metadata["issuer"],
            audience=NOTES,
            # By the clock of this test, which is not PyJWT's.
            options={"require": ["iss", "aud", "iat", "jti", "events", "sub_id", "txn"], "verify_iat": False},
        )
        assert {"sub", "exp"}.isdisjoint(claims)
        return claims
