"""device_authorization_endpoint: a device without a keyboard asks for codes (RFC 8628 section 3.1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from auth_server.client_auth.authenticate import Authenticator
from auth_server.client_auth.contract import Presented
from auth_server.devices.service import Devices
from auth_server.endpoints.contract import Endpoint
from auth_server.grants.device_code import DeviceCodeGrant, target_of
from auth_server.protocol.directory import Directory
from auth_server.protocol.errors import InvalidScope, UnauthorizedClient
from auth_server.web.door import Cors
from auth_server.web.request import Request
from auth_server.web.responses import Response, json_response

# The page where a person types the code; its door stands with the other pages.
VERIFICATION_PATH = "/device"


class DeviceAuthorizationEndpoint(Endpoint):
    """`POST /device_authorization`. What could never be granted is refused here, before a person is bothered with it."""

    path = "/device_authorization"
    methods = ("POST",)
    cors = Cors.ANYBODY

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        devices: Devices,
        directory: Callable[[], Awaitable[Directory]],
        issuer: str,
    ) -> None:
        self._authenticator = authenticator
        self._devices = devices
        self._directory = directory
        self._issuer = issuer

    def metadata(self, issuer: str) -> dict[str, object]:
        """Say where it is (RFC 8628 section 4)."""
        return {"device_authorization_endpoint": issuer + self.path}

    async def answer(self, request: Request) -> Response:
        """Answer with a device code and a user code."""
        form = await request.form()
        client = await self._authenticator.authenticate(Presented.of(request, form))
        if not client.may_use(DeviceCodeGrant.grant_type):
            raise UnauthorizedClient("this client may not use the device grant")
        scope, resource = form.scope(), form.optional("resource")
        self._check_scope(scope, client.scope)
        target_of(scope, resource, client, await self._directory(), self._issuer)
        user_agent = (request.header(b"user-agent") or b"").decode("latin-1") or None
        begun = await self._devices.begin(client, scope, resource, request.facts, user_agent)
        page = self._issuer + VERIFICATION_PATH
        return json_response(
            {
                "device_code": begun.device_code,
                "user_code": begun.user_code,
                "verification_uri": page,
                "verification_uri_complete": f"{page}?user_code={begun.user_code}",
                "expires_in": begun.expires_in,
                "interval": begun.interval,
            }
        )

    def _check_scope(self, asked: frozenset[str] | None, registered: frozenset[str]) -> None:
        if asked and not asked & registered:
            raise InvalidScope("none of the scopes can be granted to this client")
