"""Django and Django REST framework, beyond what the examples show: their settings, both kinds of server, guards of one's own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import django
import django.urls
import pytest
from django.conf import settings

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["testserver"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=["rest_framework"],
        MIDDLEWARE=["resource_server.adapters.django.GuardMiddleware"],
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": ["resource_server.adapters.django_rest.BearerAuthentication"],
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
            "UNAUTHENTICATED_USER": None,
        },
    )
    django.setup()

from django.http import HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response

from resource_server import Guard
from resource_server.adapters.django import requires, site_guard
from resource_server.adapters.django_rest import permission
from shared.settings import SettingsError
from tests.resource_server.support import AUDIENCE, NOW, Events, IssuerServer, a_guard, a_token, claims


def plain(request: Any) -> HttpResponse:
    return HttpResponse(request.principal.sub)


async def asynchronous(request: Any) -> HttpResponse:
    return HttpResponse(f"{request.principal.sub} {threading.current_thread() is threading.main_thread()}")


def late(request: Any) -> HttpResponse:
    request.principal.require("admin:all")
    return HttpResponse("in")


def session_page(request: Any) -> HttpResponse:
    return HttpResponse(f"page {hasattr(request, 'principal')}")


urlpatterns = [
    path("api/plain", plain),
    path("api/async", asynchronous),
    path("api/late", late),
    path("admin/page", session_page),
]


@pytest.fixture
def site(guard: Guard) -> Iterator[Any]:
    """A site with the tests' guard; call it with more members of RESOURCE_SERVER."""
    entered: list[Any] = []

    def configure(**members: object) -> None:
        site_guard.cache_clear()
        override = override_settings(RESOURCE_SERVER={"GUARD": guard, **members})
        override.enable()
        entered.append(override)

    configure()
    yield configure
    for override in reversed(entered):
        override.disable()
    site_guard.cache_clear()


def header(issuer: IssuerServer, **members: object) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": "Bearer " + a_token(claims(iss=issuer.url, **members)).decode()}


@pytest.mark.usefixtures("site")
def test_plain_and_async_views_know_their_caller_under_wsgi(issuer: IssuerServer) -> None:
    client = Client()

    assert client.get("/api/plain", **header(issuer)).content == b"alice"
    assert client.get("/api/async", **header(issuer)).content.startswith(b"alice")
    for where in ("/api/plain", "/api/async", "/nothing"):
        assert client.get(where).status_code == 401


@pytest.mark.usefixtures("site")
def test_an_async_view_stays_on_the_event_loop_under_asgi(issuer: IssuerServer) -> None:
    async def ask() -> tuple[Any, Any]:
        client = AsyncClient()
        good = header(issuer)["HTTP_AUTHORIZATION"]
        return await client.get("/api/async", headers={"authorization": good}), await client.get("/api/async")

    let_in, refused = asyncio.run(ask())
    assert let_in.content == b"alice True"
    assert refused.status_code == 401


@pytest.mark.usefixtures("site")
def test_a_refusal_that_a_view_raises_is_answered(issuer: IssuerServer) -> None:
    answer = Client().get("/api/late", **header(issuer))

    assert (answer.status_code, answer.json()["reason"]) == (403, "insufficient_scope")


def test_outside_its_prefixes_the_middleware_does_nothing(site: Any, issuer: IssuerServer) -> None:
    site(PREFIXES=["/api/"], PUBLIC=["/api/late"])
    client = Client()

    assert client.get("/admin/page").content == b"page False"
    assert client.get("/api/plain").status_code == 401
    for trick in ("//api/plain", "/api//plain", "/./api/plain", "/API/plain"):
        assert client.get(trick).status_code in {401, 404}, trick


def test_public_paths_are_exact(site: Any) -> None:
    site(PUBLIC=["/admin/page"])

    assert Client().get("/admin/page").status_code == 200
    assert Client().get("/admin/page/").status_code == 401
    site(PUBLIC="/admin/page")
    with pytest.raises(TypeError):
        Client().get("/admin/page")


def test_the_settings_are_the_guards_arguments_in_capitals(issuer: IssuerServer) -> None:
    site_guard.cache_clear()
    named = {"ISSUER": issuer.url, "AUDIENCE": AUDIENCE, "LEEWAY": 30, "PROFILE": "keycloak", "PUBLIC": ["/x"]}
    with override_settings(RESOURCE_SERVER=named):
        guard = site_guard()
        assert (guard.policy.leeway, guard.policy.profile.name) == (30, "keycloak")
        assert site_guard() is guard
    site_guard.cache_clear()


@pytest.mark.parametrize("named", [{"ISSUER": "https://a.example"}, {"ISSUER": "https://a.example", "AUDIENCE": "b", "TYPO": 1}])
def test_settings_that_make_no_guard_are_an_error(named: dict[str, Any]) -> None:
    site_guard.cache_clear()
    with override_settings(RESOURCE_SERVER=named), pytest.raises((TypeError, ValueError)):
        site_guard()


def test_without_the_setting_the_environment_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    site_guard.cache_clear()
    with override_settings(RESOURCE_SERVER={}), pytest.raises(SettingsError):
        site_guard()
    monkeypatch.setenv("RESOURCE_SERVER_AUDIENCE", "https://from.environment.example")
    with override_settings(RESOURCE_SERVER={"PUBLIC": ["/x"]}):
        assert site_guard().resource == "https://from.environment.example"
    site_guard.cache_clear()


def test_a_decorated_view_judges_for_itself_where_the_middleware_does_not(site: Any, issuer: IssuerServer) -> None:
    site(PREFIXES=[])

    @requires("notes:read")
    def guarded(request: Any) -> HttpResponse:
        return HttpResponse(request.principal.sub)

    @requires(role="admin")
    async def for_admins(request: Any) -> HttpResponse:
        return HttpResponse("admin")

    with a_guard(issuer, audience="https://other.example") as other:

        @other.requires()
        def of_another_guard(request: Any) -> HttpResponse:
            return HttpResponse("in")

        with urls(guarded=guarded, for_admins=for_admins, of_another_guard=of_another_guard) as client:
            assert client.get("/guarded").status_code == 401
            assert client.get("/guarded", **header(issuer)).content == b"alice"
            assert client.get("/guarded", **header(issuer, scope="x")).status_code == 403
            assert client.get("/for_admins", **header(issuer)).json()["reason"] == "missing_role"
            assert client.get("/for_admins", **header(issuer, roles=["admin"])).content == b"admin"
            assert client.get("/of_another_guard", **header(issuer)).json()["reason"] == "wrong_audience"


class urls:  # noqa: N801  # used as a context
    """Views, each at its name, and a client."""

    def __init__(self, **views: Any) -> None:
        self._routes = [path(name, view) for name, view in views.items()]

    def __enter__(self) -> Client:
        self._before = urlpatterns[:]
        urlpatterns[:] = self._routes
        django.urls.clear_url_caches()
        return Client()

    def __exit__(self, *_: object) -> None:
        urlpatterns[:] = self._before
        django.urls.clear_url_caches()


# Django REST framework.


def test_permissions_ask_and_the_caller_stands_where_the_framework_looks(site: Any, issuer: IssuerServer) -> None:
    site(PREFIXES=[])

    @api_view(["GET", "POST"])
    @permission_classes([permission("notes:read") & IsAuthenticated])
    def rest(request: Any) -> Response:
        return Response({"sub": request.auth.sub, "user": str(request.user), "pk": request.user.pk})

    @api_view()
    @permission_classes([IsAuthenticated])
    def any_user(request: Any) -> Response:
        return Response({"sub": request.auth.sub})

    with urls(rest=rest, any_user=any_user) as client:
        assert client.get("/rest", **header(issuer)).json() == {"sub": "alice", "user": "alice", "pk": "alice"}
        assert client.post("/rest", **header(issuer, scope="x")).json()["reason"] == "insufficient_scope"
        assert client.get("/rest").json()["reason"] == "no_token"
        # The framework's own permission answers in its own words, with our challenge.
        refused = client.get("/any_user")
        assert refused.status_code == 401
        assert refused["WWW-Authenticate"].startswith("Bearer resource_metadata=")
        assert client.get("/any_user", **header(issuer, aud="x")).json()["reason"] == "wrong_audience"
        assert client.get("/any_user", **header(issuer)).json() == {"sub": "alice"}


def test_a_guards_events_name_each_refusal_once(issuer: IssuerServer) -> None:
    events = Events()
    guard = Guard(issuer=issuer.url, audience=AUDIENCE, clock=lambda: NOW, on_event=events)
    site_guard.cache_clear()
    try:
        with override_settings(RESOURCE_SERVER={"GUARD": guard}):
            Client().get("/api/plain")
            Client().get("/api/late", **header(issuer))
    finally:
        guard.close()
        site_guard.cache_clear()

    assert [told["reason"] for told in events.named("token_refused")] == ["no_token", "insufficient_scope"]
