"""`/livez`, `/readyz`, `/healthz`, `/version`, and what `/` says to somebody who looks."""

from __future__ import annotations

from typing import ClassVar

from auth_server import __version__
from auth_server.health import Health
from auth_server.telemetry.metrics import CONTENT_TYPE, Metrics
from auth_server.web.door import Door
from auth_server.web.failures import takes_pages
from auth_server.web.page_door import see_other
from auth_server.web.request import Request
from auth_server.web.responses import NO_STORE, Response, json_response
from shared import well_known


class Live(Door):
    """The process answers; nothing else is asked, so that an outage of the database does not restart every replica."""

    path = "/livez"
    methods = ("GET",)

    async def answer(self, request: Request) -> Response:
        """Answer 200."""
        return json_response({"status": "ok"})


class Ready(Door):
    """Requests may be sent here; 503 names what is missing. `?verbose` lists every check."""

    path = "/readyz"
    methods = ("GET",)

    def __init__(self, health: Health) -> None:
        self._health = health

    async def answer(self, request: Request) -> Response:
        """Answer 200 or 503."""
        checks = await self._health.checks()
        faults = {check.name: check.fault for check in checks if check.fault}
        body: dict[str, object] = {"status": "unavailable" if faults else "ok"}
        if faults or request.query == b"verbose":
            body["checks"] = {check.name: check.fault or "ok" for check in checks}
        return json_response(body, status=503 if faults else 200, outcome="not_ready" if faults else "ok")


class Healthy(Ready):
    """`/healthz`: the same as `/readyz`, under the name some platforms ask for."""

    path = "/healthz"


class Version(Door):
    """Which program, which version."""

    path = "/version"
    methods = ("GET",)

    async def answer(self, request: Request) -> Response:
        """Answer with name and version."""
        return json_response({"name": "sealwright auth server", "version": __version__})


class MetricsDoor(Door):
    """`/metrics`: counters and gauges of this process, in the text form that Prometheus reads."""

    path = "/metrics"
    methods = ("GET",)

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def answer(self, request: Request) -> Response:
        """Answer with the text."""
        return Response(200, self._metrics.render(), ((b"content-type", CONTENT_TYPE), *NO_STORE))


class Welcome(Door):
    """`/`: where somebody who came by is told what this is."""

    path = "/"
    methods = ("GET",)
    links: ClassVar[dict[str, str]] = {
        "metadata": well_known.OPENID_CONFIGURATION,
        "keys": well_known.JWKS,
        "sign_up": "/api/registration",
        "sign_in": "/api/login",
        "token": "/token",
        "readiness": "/readyz",
    }

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    async def answer(self, request: Request) -> Response:
        """Answer with links; a browser is led to where people look after their account."""
        if takes_pages(request, otherwise=False):
            return see_other("/account")
        about = "An OAuth 2.1 identity provider. It signs tokens; resource servers verify them by its public keys alone."
        links = {name: self._issuer + path for name, path in self.links.items()}
        return json_response({"name": "sealwright auth server", "about": about, "issuer": self._issuer, "links": links})
