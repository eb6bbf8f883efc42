"""Accessibility: axe-core finds nothing on any page in any state, in either colour scheme, left to right and right to left, and no page
has to be scrolled sideways at 320 pixels (WCAG 2.2 section 1.4.10).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.browser.site import PASSWORD_2, Site, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

# Pages that need nothing but their address.
PLAIN = (
    "/login",
    "/register-account",
    "/forgot-password",
    "/forgot-password/sent",
    "/reset-password?ticket=none",
    "/reset-password/done",
    "/signed-out",
    "/device/approved",
    "/device/denied",
    "/nowhere",
    "/authorize?client_id=nobody",
    "/login?request=nothing",
)


def request_steps(visitor: Visitor, name: str) -> Iterator[None]:
    """Every step of an authorization request in turn, with what goes wrong at each."""
    site = visitor.site
    visitor.open(site.authorize(login_hint=name))
    yield
    visitor.go_on(username="", password="")
    yield
    visitor.go_on(username=name, password="wrong")
    yield
    visitor.sign_in(name)
    yield
    visitor.open(site.authorize(prompt="login", max_age="1"))
    yield
    visitor.go_on(password="wrong")
    yield
    visitor.open(site.authorize(prompt="select_account"))
    yield


def account_steps(visitor: Visitor, name: str) -> Iterator[None]:
    """The account's pages, empty and full, and what is refused at them."""
    for path in ("/account", "/account/sessions", "/account/apps", "/account/activity", "/account/password", "/account/email"):
        visitor.open(path)
        yield
    visitor.go_on(email="not an address")
    yield
    visitor.go_on(email=f"{name}@elsewhere.example")
    yield
    visitor.open("/account/password")
    visitor.go_on(password="short")
    yield
    visitor.go_on(password=PASSWORD_2)
    yield
    visitor.open("/signed-in")
    yield


def letter_steps(visitor: Visitor, name: str) -> Iterator[None]:
    """What links in letters lead to."""
    site = visitor.site
    visitor.open(site.link(f"{name}@elsewhere.example", "/verify-email/new"))
    yield
    visitor.go_on()
    yield
    visitor.open(site.link(f"{name}@mail.example", "/secure-account"))
    yield
    visitor.go_on()
    yield
    visitor.go_on(password="short")
    yield


def device_steps(visitor: Visitor, name: str) -> Iterator[None]:
    """A device that waits, and codes that are wrong."""
    visitor.open("/device")
    visitor.sign_in(name, "a third one: basalt, ferry, plum 5") if visitor.path == "/login" else None
    yield
    visitor.go_on(user_code="BCDF-GHJK")
    yield
    visitor.go_on(user_code=visitor.site.device_code())
    yield
    visitor.press("#deny")
    yield
    visitor.open("/end_session")
    yield


# Colours do not change with the language.
@pytest.mark.parametrize("locale, schemes", [("en-GB", ("light", "dark")), ("he-IL", ("light",))])
def test_no_page_in_any_state_has_a_barrier(
    site: Site, visit: Callable[..., Visitor], locale: str, schemes: tuple[str, ...]
) -> None:
    visitor = visit(scripts=True, width=320, locale=locale)
    name = site.person()
    found: list[str] = []
    seen = 0
    for path in PLAIN:
        visitor.open(path)
        found += visitor.find_barriers(*schemes)
        seen += 1
    for steps in (request_steps, account_steps, letter_steps):
        for _ in steps(visitor, name):
            found += visitor.find_barriers(*schemes)
            seen += 1
    visitor.go_on(password="a third one: basalt, ferry, plum 5")
    for _ in device_steps(visitor, name):
        found += visitor.find_barriers(*schemes)
        seen += 1

    assert seen >= 40
    assert found == []
