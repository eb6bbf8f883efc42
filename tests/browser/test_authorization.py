"""An authorization request through the pages, up to the client's own address on another origin."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.site import Site, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_signing_in_and_consenting_ends_at_the_client(site: Site, visitor: Visitor) -> None:
    """The policy of each page lets its form end there: Chromium holds `form-action` against every redirect that follows."""
    visitor.open(site.authorize())
    assert (visitor.path, visitor.heading) == ("/login", "Sign in")
    assert "Corner Shop" in visitor.page.inner_text("main")

    visitor.sign_in(site.person())
    assert (visitor.path, visitor.heading) == ("/consent", "Allow Corner Shop to use your account?")
    shown = visitor.page.inner_text("main")
    assert "127.0.0.1" in shown
    assert "See your name and profile" in shown
    assert "Read your notes" in shown
    visitor.go_on()

    answer = visitor.answer()
    assert answer.keys() == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("state-1", site.issuer)


def test_a_policy_without_the_client_would_keep_the_person_on_the_page(site: Site, visitor: Visitor) -> None:
    """Why `form-action` is computed: with `'self'` alone the browser blocks what follows the very same click."""

    def narrow(route) -> None:
        response = route.fetch()
        policy = response.headers["content-security-policy"].replace(f" {site.client.origin}", "")
        route.fulfill(response=response, headers={**response.headers, "content-security-policy": policy})

    visitor.context.route("**/consent?*", lambda route: narrow(route) if route.request.method == "GET" else route.continue_())
    visitor.open(site.authorize())
    visitor.sign_in(site.person())
    visitor.page.reload()
    before = len(site.client.arrived)

    visitor.page.click("#continue")
    visitor.page.wait_for_timeout(300)

    assert len(site.client.arrived) == before
    assert any("form-action" in complaint for complaint in visitor.complaints)
    visitor.complaints.clear()


def test_no_is_told_to_the_client(site: Site, visitor: Visitor) -> None:
    visitor.open(site.authorize())
    visitor.sign_in(site.person())

    visitor.press("#deny")

    assert visitor.answer()["error"] == "access_denied"


def test_who_allowed_it_before_is_asked_for_what_is_new_alone(site: Site, visitor: Visitor) -> None:
    name = site.person()
    visitor.open(site.authorize())
    visitor.sign_in(name)
    visitor.go_on()
    visitor.open(site.authorize())
    assert "code" in visitor.answer()

    visitor.open(site.authorize(scope="openid profile notes:read notes:write offline_access"))

    marked = visitor.page.locator("li:has(.new)").all_inner_texts()
    assert len(marked) == 1
    assert "Change" in marked[0]


def test_a_reload_and_the_back_button_have_a_designed_result(site: Site, visitor: Visitor) -> None:
    visitor.open(site.authorize())
    login = visitor.page.url
    visitor.sign_in(site.person())
    visitor.page.reload()
    assert visitor.path == "/consent"
    consent = visitor.page.url
    visitor.go_on()
    assert "code" in visitor.answer()

    for old in (login, consent):
        visitor.open(old)
        assert visitor.heading == "This page is too old"
        visitor.press("a:has-text('Start again')")
        assert "code" in visitor.answer()  # the same request, answered anew


def test_two_tabs_with_two_requests_do_not_disturb_each_other(site: Site, visitor: Visitor) -> None:
    name = site.person()
    visitor.open(site.authorize(state="first"))
    second = visitor.context.new_page()
    second.goto(site.authorize(state="second"))

    visitor.sign_in(name)
    visitor.go_on()
    assert visitor.answer()["state"] == "first"
    second.reload()
    assert second.url.startswith(site.client.callback)
    assert "state=second" in second.url


def test_creating_an_account_goes_on_with_the_request(site: Site, visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    visitor.open(site.authorize())
    visitor.press("text=Create an account")
    visitor.go_on(username="shopper", email="shopper@mail.example", password="umbrella gravel otter lantern 99")
    assert visitor.path == "/verify-email/sent"

    visitor.open(site.link("shopper@mail.example", "/verify-email"))
    visitor.go_on()
    visitor.press("text=Continue")

    assert visitor.path == "/consent"
    visitor.go_on()
    assert "code" in visitor.answer()


def test_one_of_several_accounts_is_chosen(site: Site, visitor: Visitor) -> None:
    first, second = site.person(), site.person()
    for name in (first, second):
        visitor.open(site.authorize(prompt="login"))
        if visitor.path == "/login/confirm":
            visitor.press("text=Not you?")
        visitor.sign_in(name)
        visitor.go_on()

    visitor.open(site.authorize(prompt="select_account"))

    assert visitor.heading == "Choose an account"
    chosen = visitor.page.locator("button.pick", has_text=first)
    with visitor.page.expect_navigation():
        chosen.click()
    assert "code" in visitor.answer()


def test_a_request_for_a_fresh_sign_in_is_for_the_same_person(site: Site, visitor: Visitor) -> None:
    name = site.person()
    visitor.open(site.authorize())
    visitor.sign_in(name)
    visitor.go_on()

    visitor.open(site.authorize(prompt="login"))

    assert visitor.heading == "Confirm it is you"
    assert name in visitor.page.inner_text(".chip")
    visitor.go_on(password=site.password)
    assert "code" in visitor.answer()


def test_an_app_that_was_allowed_is_listed_and_loses_its_access(site: Site, visitor: Visitor) -> None:
    name = site.person()
    visitor.open(site.authorize())
    visitor.sign_in(name)
    visitor.go_on()

    visitor.open("/account/apps")
    assert "Corner Shop" in visitor.page.inner_text("main .rows")
    assert "within 15 seconds at every connected API" in visitor.page.inner_text("main")
    visitor.press("text=Remove access")

    assert "No app has access to your account." in visitor.page.inner_text("main")
    visitor.open(site.authorize())
    assert visitor.path == "/consent"
    site.link(f"{name}@mail.example", "/secure-account")


def test_a_request_that_cannot_be_trusted_stays_on_our_page(site: Site, visitor: Visitor) -> None:
    visitor.open(site.authorize(redirect_uri="https://evil.example/cb"))

    assert visitor.path == "/authorize"
    assert "This request cannot be completed." in visitor.page.inner_text("main")
    assert "evil.example" not in visitor.page.content()


def test_signing_out_asks_first_and_says_how_soon_it_holds(site: Site, visitor: Visitor) -> None:
    visitor.open("/account")
    visitor.sign_in("alice")
    cookie = visitor.cookie("session")

    visitor.press("text=Sign out")
    assert visitor.heading == "Sign out?"
    assert "within 15 seconds at every connected API" in visitor.page.inner_text("main")
    visitor.go_on()

    assert visitor.heading == "You are signed out"
    assert visitor.cookie("session") in (None, "")
    assert cookie is not None
    visitor.open("/account")
    assert visitor.path == "/login"


def test_a_device_is_let_in_by_its_code(site: Site, visitor: Visitor) -> None:
    code = site.device_code()
    typed = code.replace("-", "").lower()

    visitor.open(f"/device?user_code={typed}")
    visitor.sign_in(site.person())
    assert visitor.path == "/device"
    assert visitor.page.input_value("[name=user_code]") == code
    visitor.go_on()
    assert visitor.heading == "Connect Living Room?"
    assert "Only go on if you started this yourself" in visitor.page.inner_text("main")
    visitor.go_on()

    assert visitor.heading == "Device connected"
    visitor.open("/device")
    visitor.go_on(user_code=typed)
    assert "used already" in visitor.page.inner_text("[role=alert]")


def test_a_device_is_turned_away(site: Site, visitor: Visitor) -> None:
    visitor.open("/device")
    visitor.sign_in(site.person())
    visitor.go_on(user_code=site.device_code())

    visitor.press("#deny")

    assert visitor.heading == "Device refused"
