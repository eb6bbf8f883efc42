"""Django: a middleware by settings, and `@requires(...)` on plain and async views. Runs under ASGI, and with `wsgi` under WSGI."""

from __future__ import annotations

import os
import sys
from wsgiref.simple_server import make_server

import uvicorn
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

from resource_server.adapters.django import requires

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["resource_server.adapters.django.GuardMiddleware"],
    RESOURCE_SERVER={
        "ISSUER": os.environ["RESOURCE_SERVER_ISSUER"],
        "AUDIENCE": os.environ["RESOURCE_SERVER_AUDIENCE"],
        "PUBLIC": ["/livez"],
    },
)


def livez(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "alive"})


async def me(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"sub": request.principal.sub})


@requires("orders:read")
async def list_orders(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"orders": [], "sub": request.principal.sub})


@requires(role="admin")
def list_all(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"orders": []})


urlpatterns = [path("livez", livez), path("me", me), path("orders", list_orders), path("admin/orders", list_all)]

if __name__ == "__main__":
    port = int(sys.argv[1])
    if "wsgi" in sys.argv:
        make_server("127.0.0.1", port, get_wsgi_application()).serve_forever()
    uvicorn.run(get_asgi_application(), port=port, lifespan="off", log_level="warning")
