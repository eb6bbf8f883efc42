"""Signing in, in a browser that runs no scripts."""

from __future__ import annotations

import pytest

from tests.browser.site import Site, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_name_and_password_lead_in(site: Site, visitor: Visitor) -> None:
    visitor.open("/login")

    visitor.sign_in("alice")

    assert (visitor.path, visitor.heading) == ("/signed-in", "You are signed in")


def test_a_wrong_password_is_told_where_it_was_typed_and_the_name_is_kept(site: Site, visitor: Visitor) -> None:
    visitor.open("/login")

    visitor.sign_in("alice", "not the password of alice")

    page = visitor.page
    assert page.title().startswith("Error: ")
    assert page.inner_text("[role=alert]") == "The name or the password is wrong."
    assert page.input_value("[name=username]") == "alice"
    assert page.get_attribute("[name=password]", "aria-invalid") == "true"
    assert page.input_value("[name=password]") == ""


def test_the_keyboard_alone_is_enough(site: Site, visitor: Visitor) -> None:
    visitor.open("/login")

    # The name has the focus when the page opens; then the link beside the password's label, the password, the button.
    visitor.page.wait_for_function("document.activeElement.name === 'username'")
    visitor.page.keyboard.type("alice")
    for _ in range(2):
        visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.type(site.password)
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url("**/signed-in")


def test_the_session_cookie_is_another_one_after_each_sign_in(site: Site, visitor: Visitor) -> None:
    name = site.person()
    visitor.open("/login")
    visitor.sign_in(name)
    first = visitor.cookie("session")

    visitor.open("/login/confirm?for=password")
    visitor.go_on(password=site.password)

    assert visitor.path == "/account/password"
    assert first is not None
    assert visitor.cookie("session") not in (None, first)


def test_somebody_who_is_signed_in_is_not_asked_again(site: Site, visitor: Visitor) -> None:
    visitor.open("/login")
    visitor.sign_in("alice")

    visitor.open("/login")

    assert visitor.path == "/signed-in"


def test_a_page_that_needs_a_sign_in_is_where_one_arrives_after_it(site: Site, visitor: Visitor) -> None:
    visitor.open("/account/sessions")
    assert visitor.path == "/login"

    visitor.sign_in("alice")

    assert visitor.path == "/account/sessions"
    assert "This one" in visitor.page.inner_text("main")


@pytest.mark.parametrize(
    "locale, heading, direction", [("en-GB", "Sign in", "ltr"), ("de-AT", "Anmelden", "ltr"), ("he-IL", "כניסה", "rtl")]
)
def test_the_browsers_language_is_spoken(visit, locale: str, heading: str, direction: str) -> None:
    visitor = visit(locale=locale)
    visitor.open("/login")

    html = visitor.page.locator("html")
    assert (visitor.heading, html.get_attribute("dir")) == (heading, direction)
    assert html.get_attribute("lang") == locale.partition("-")[0]


def test_a_language_and_a_theme_that_were_picked_stay(site: Site, visitor: Visitor) -> None:
    visitor.open("/login")
    visitor.press("text=Deutsch")
    visitor.press("text=Dunkel")

    visitor.open("/forgot-password")

    html = visitor.page.locator("html")
    assert (html.get_attribute("lang"), html.get_attribute("data-theme")) == ("de", "dark")
