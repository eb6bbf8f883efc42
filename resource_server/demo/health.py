"""Health, version and metrics: for whoever runs the service. None of it needs a token, and none of it says anything about a person."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from resource_server.guard import Guard

PATHS: Final = frozenset({"/livez", "/readyz", "/healthz", "/version", "/metrics"})
_NO_STORE: Final = {"Cache-Control": "no-store"}


@dataclass(slots=True)
class Draining:
    """Set when the service was told to stop: not ready any more, but still answering."""

    active: bool = False


def product_version() -> str:
    """Return the installed version, or `unknown` in a tree that is not installed."""
    try:
        return version("sealwright")
    except PackageNotFoundError:
        return "unknown"


def routes(guard: Guard, draining: Draining, counts: Counter[tuple[str, str]]) -> list[Route]:
    """Return the routes of PATHS."""

    async def livez(_request: Request) -> Response:
        return JSONResponse({"status": "alive"}, headers=_NO_STORE)

    async def readyz(_request: Request) -> Response:
        readiness = guard.ready()
        reasons = ["shutting down", *readiness.reasons] if draining.active else list(readiness.reasons)
        body = {"status": "not ready" if reasons else "ready", "reasons": reasons, "warnings": list(readiness.warnings)}
        return JSONResponse(body, 503 if reasons else 200, _NO_STORE | ({"Retry-After": "1"} if reasons else {}))

    async def version_(_request: Request) -> Response:
        return JSONResponse({"name": "resource-server", "version": product_version()}, headers=_NO_STORE)

    async def metrics(_request: Request) -> Response:
        return PlainTextResponse(
            _metrics(guard, counts), headers=_NO_STORE, media_type="text/plain; version=0.0.4; charset=utf-8"
        )

    return [
        Route("/livez", livez),
        Route("/readyz", readyz),
        Route("/healthz", readyz),
        Route("/version", version_),
        Route("/metrics", metrics),
    ]


def _metrics(guard: Guard, counts: Counter[tuple[str, str]]) -> str:
    lines = ["# TYPE resource_server_requests_total counter"]
    lines += [
        f'resource_server_requests_total{{status="{label}"}} {n}'
        for (kind, label), n in sorted(counts.items())
        if kind == "status"
    ]
    lines.append("# TYPE resource_server_refusals_total counter")
    lines += [
        f'resource_server_refusals_total{{reason="{label}"}} {n}'
        for (kind, label), n in sorted(counts.items())
        if kind == "reason"
    ]
    statistics = guard.statistics()
    for name, kind, key in (
        ("jwks_fetches_total", "counter", "fetches"),
        ("jwks_fetch_failures_total", "counter", "failed_fetches"),
        ("jwks_keys", "gauge", "keys"),
        ("jwks_age_seconds", "gauge", "keys_age_seconds"),
        ("jwks_degraded", "gauge", "degraded"),
        ("issuer_clock_ahead_seconds", "gauge", "clock_ahead_seconds"),
        ("verified_tokens", "gauge", "verified_tokens"),
        ("revocation_feed_pages_total", "counter", "feed_pages"),
        ("revocation_feed_failures_total", "counter", "failed_feed_pages"),
        ("revocation_feed_age_seconds", "gauge", "feed_age_seconds"),
        ("revocation_feed_silent", "gauge", "feed_silent"),
        ("revocations", "gauge", "revocations"),
    ):
        value = statistics[key]
        lines += [
            f"# TYPE resource_server_{name} {kind}",
            f"resource_server_{name} {'NaN' if math.isnan(value) else format(value, 'g')}",
        ]
    return "\n".join(lines) + "\n"
