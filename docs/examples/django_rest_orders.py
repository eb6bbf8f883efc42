"""Django REST framework: an authentication class and permission classes."""

from __future__ import annotations

import os
import sys

import django
import uvicorn
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["rest_framework"],
    # PREFIXES empty: the middleware answers refusals and serves the metadata; who may do what is said by the views.
    MIDDLEWARE=["resource_server.adapters.django.GuardMiddleware"],
    RESOURCE_SERVER={
        "ISSUER": os.environ["RESOURCE_SERVER_ISSUER"],
        "AUDIENCE": os.environ["RESOURCE_SERVER_AUDIENCE"],
        "PREFIXES": [],
    },
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["resource_server.adapters.django_rest.BearerAuthentication"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup()

from django.core.asgi import get_asgi_application  # noqa: E402  # after the settings, as Django wants it
from django.urls import path  # noqa: E402
from rest_framework.decorators import api_view, permission_classes  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from resource_server.adapters.django_rest import permission  # noqa: E402


@api_view()
@permission_classes([])
def livez(request: Request) -> Response:
    return Response({"status": "alive"})


@api_view()
@permission_classes([permission()])
def me(request: Request) -> Response:
    return Response({"sub": request.auth.sub})


class Orders(APIView):
    permission_classes = [permission("orders:read")]  # noqa: RUF012  # as the framework has it

    def get(self, request: Request) -> Response:
        return Response({"orders": [], "sub": request.auth.sub})


class AllOrders(APIView):
    permission_classes = [permission(role="admin")]  # noqa: RUF012

    def get(self, request: Request) -> Response:
        return Response({"orders": []})


urlpatterns = [
    path("livez", livez),
    path("me", me),
    path("orders", Orders.as_view()),
    path("admin/orders", AllOrders.as_view()),
]

if __name__ == "__main__":
    uvicorn.run(get_asgi_application(), port=int(sys.argv[1]), lifespan="off", log_level="warning")
