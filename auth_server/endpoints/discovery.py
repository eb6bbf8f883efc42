"""The metadata documents, merged from what each endpoint says of itself (RFC 8414, OpenID Connect Discovery 1.0)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping

from auth_server.endpoints.contract import Endpoint
from auth_server.protocol.directory import Directory
from auth_server.protocol.resource import Resource
from auth_server.protocol.scope import OPENID, UNOWNED
from auth_server.web.door import Cors
from auth_server.web.request import Request
from auth_server.web.responses import Response
from shared import well_known
from shared.key_policy import KeyPolicy


class AuthorizationServerMetadata(Endpoint):
    """`GET /.well-known/oauth-authorization-server`."""

    path = well_known.AUTHORIZATION_SERVER
    methods = ("GET",)
    cors = Cors.ANYBODY

    def __init__(
        self,
        *,
        issuer: str,
        endpoints: Iterable[Endpoint],
        directory: Callable[[], Awaitable[Directory]],
        key_policy: KeyPolicy,
        more: Mapping[str, object] | None = None,
    ) -> None:
        self._issuer = issuer
        self._endpoints = tuple(endpoints)
        self._directory = directory
        self._key_policy = key_policy
        self._more = dict(more or {})
        self._made: tuple[Mapping[str, Resource] | None, Response] = (None, Response(503))

    async def answer(self, request: Request) -> Response:
        """Answer with the document; its bytes are made when the resources are read anew."""
        resources = (await self._directory()).resources
        made_for, response = self._made
        # By identity: as long as nothing changed, the directory remembers one and the same mapping.
        if made_for is not resources:
            response = self._make(resources)
            self._made = (resources, response)
        return response

    def _make(self, resources: Mapping[str, Resource]) -> Response:
        """Return the document. It names nothing that is not served."""
        document: dict[str, object] = {"issuer": self._issuer, **self._more}
        for endpoint in self._endpoints:
            document |= endpoint.metadata(self._issuer)
        scopes = {name for resource in resources.values() for name in resource.scopes}
        document["scopes_supported"] = [OPENID, *sorted(scopes), *sorted(UNOWNED - {OPENID})]
        document["key_policy"] = self._key_policy.to_metadata()
        body = json.dumps(document, separators=(",", ":")).encode("ascii")
        cache = f"public, max-age={min(300, int(self._key_policy.jwks_max_age))}".encode("ascii")
        return Response(200, body, ((b"content-type", b"application/json"), (b"cache-control", cache)))


class OpenidConfiguration(AuthorizationServerMetadata):
    """`GET /.well-known/openid-configuration`: the same document at the path where OpenID Connect clients look."""

    path = well_known.OPENID_CONFIGURATION
