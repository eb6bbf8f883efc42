"""introspection_endpoint: what is this token worth now? (RFC 7662)."""

from __future__ import annotations

from auth_server.client_auth.authenticate import Authenticator
from auth_server.client_auth.contract import Presented
from auth_server.endpoints.contract import Endpoint
from auth_server.protocol.errors import InvalidClient
from auth_server.tokens.introspection import Introspection
from auth_server.web.request import Request
from auth_server.web.responses import Response, json_response

_MAX_BYTES = 16 * 1024


class IntrospectionEndpoint(Endpoint):
    """`POST /introspect`, for clients that can prove who they are: a name alone must not open this (section 2.1)."""

    path = "/introspect"
    methods = ("POST",)

    def __init__(self, *, authenticator: Authenticator, introspection: Introspection) -> None:
        self._authenticator = authenticator
        self._introspection = introspection

    def metadata(self, issuer: str) -> dict[str, object]:
        """Say where it is and how clients prove themselves."""
        members = self._authenticator.metadata("introspection_endpoint")
        methods = members["introspection_endpoint_auth_methods_supported"]
        proofs = [method for method in methods if method != "none"] if isinstance(methods, list) else []
        return (
            {"introspection_endpoint": issuer + self.path} | members | {"introspection_endpoint_auth_methods_supported": proofs}
        )

    async def answer(self, request: Request) -> Response:
        """Answer with what the caller may know. `token_type_hint` is a hint: the token itself shows what it is."""
        form = await request.form(_MAX_BYTES)
        client = await self._authenticator.authenticate(Presented.of(request, form))
        if client.is_public:
            raise InvalidClient("client authentication failed", detail="a public client may not ask about tokens")
        return json_response(await self._introspection.about(form.required("token"), client))
