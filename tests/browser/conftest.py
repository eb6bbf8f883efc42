"""One browser and one issuer for all of these tests; a browser context of its own for each visitor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.site import Site, Visitor, a_visitor, find_chromium, start_site
from tests.support.databases import skip_or_fail

# Everything here runs in one process: two Chromiums cost more than they save.
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium; skips, or fails with REQUIRE_ALL=1, where there is none."""
    path = find_chromium()
    if path is None:
        skip_or_fail("no Chromium was found")
    with sync_playwright() as playwright:
        # Root has no sandbox to go into.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        yield browser
        asyncio._set_running_loop(loop)
        browser.close()


@pytest.fixture(autouse=True)
def driven(chromium: Browser) -> Iterator[None]:
    """Let the browser's driver have the thread's event loop for this test alone.

    Its synchronous interface leaves a loop running in the thread for as long as it lives, and no asynchronous test of any other folder
    could run in this process meanwhile.
    """
    asyncio._set_running_loop(chromium._loop)
    yield
    asyncio._set_running_loop(None)


@pytest.fixture(scope="session")
def site(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running issuer; only where there is a browser to look at it."""
    started = start_site(tmp_path_factory.mktemp("site"))
    yield started
    started.pair.auth.stop()
    started.client.stop()


@pytest.fixture
def visit(site: Site, chromium: Browser) -> Iterator[Callable[..., Visitor]]:
    """Open browsers; at the end, nothing may have gone against a page's policy."""
    visitors: list[Visitor] = []

    def open_one(**options: Any) -> Visitor:
        visitors.append(a_visitor(site, chromium, **options))
        return visitors[-1]

    yield open_one
    for visitor in visitors:
        visitor.context.close()
        assert visitor.complaints == []


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    """A browser that runs no scripts."""
    return visit()
