"""`/api-docs`: the description as a page, without a script."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby

from auth_server.api.openapi import offered
from auth_server.web.browser import Browser
from auth_server.web.door import Door
from auth_server.web.page_door import PageDoor
from auth_server.web.page_kit import PageKit
from auth_server.web.request import Request
from auth_server.web.responses import Response


class ApiDocsPage(PageDoor):
    """`/api-docs`: which calls there are, what they take and what they answer."""

    path = "/api-docs"
    methods = ("GET",)

    def __init__(self, kit: PageKit, doors: Callable[[], Iterable[Door]]) -> None:
        super().__init__(kit)
        self._doors = doors

    async def show(self, request: Request, browser: Browser) -> Response:
        """Show it."""
        visit = self._kit.visit(request)
        groups = [(tag, tuple(rows)) for tag, rows in groupby(offered(self._doors()), key=lambda row: row.tag)]
        return self._kit.pages.render(
            visit, "api_docs.html", visit.words.text("api_docs.title"), wide=True, groups=groups, issuer=self._kit.issuer
        )
