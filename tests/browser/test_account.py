"""Creating an account, recovering it and looking after it, in a browser that runs no scripts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.site import PASSWORD_2, Site, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def signed_in(site: Site, visitor: Visitor, name: str, path: str = "/account") -> None:
    visitor.open(path)
    visitor.sign_in(name)
    assert visitor.path == path


def test_an_account_is_created_and_its_address_verified_by_pressing_a_button(site: Site, visitor: Visitor) -> None:
    visitor.open("/register-account")
    visitor.go_on(username="newcomer", email="newcomer@mail.example", password=PASSWORD_2)
    assert (visitor.path, visitor.heading) == ("/verify-email/sent", "Check your e-mail")

    visitor.open(site.link("newcomer@mail.example", "/verify-email"))
    visitor.open("/account")
    assert "Not confirmed" in visitor.page.inner_text("dl")  # mail filters open links; opening one proves nothing

    visitor.open(site.link("newcomer@mail.example", "/verify-email"))
    visitor.go_on()
    assert visitor.heading == "Address confirmed"
    visitor.open("/account")
    assert "Not confirmed" not in visitor.page.inner_text("dl")


def test_a_weak_password_is_refused_with_its_reasons_and_the_rest_is_kept(site: Site, visitor: Visitor) -> None:
    visitor.open("/register-account")

    visitor.go_on(username="weakling", email="weakling@mail.example", password="short")

    assert "at least 15 characters" in visitor.page.inner_text("[role=alert]")
    assert visitor.page.input_value("[name=email]") == "weakling@mail.example"
    assert visitor.page.input_value("[name=password]") == ""


def test_a_forgotten_password_is_reset_once_and_other_devices_are_signed_out(site: Site, visit: Callable[..., Visitor]) -> None:
    name, here, elsewhere = site.person(), visit(), visit()
    signed_in(site, elsewhere, name)
    here.open("/forgot-password")
    here.go_on(username=name)
    assert here.path == "/forgot-password/sent"
    link = site.link(f"{name}@mail.example", "/reset-password")

    here.open(link)
    here.go_on(password=PASSWORD_2)

    assert here.heading == "Password changed"
    assert "within 15 seconds" in here.page.inner_text("main")
    here.open(link)
    assert here.heading == "This link was used already"
    elsewhere.open("/account")
    assert elsewhere.path == "/login"
    elsewhere.sign_in(name, PASSWORD_2)
    assert elsewhere.path == "/account"


def test_whoever_did_not_change_the_password_takes_the_account_back(site: Site, visit: Callable[..., Visitor]) -> None:
    name, thief, owner = site.person(), visit(), visit()
    signed_in(site, thief, name, "/account/password")
    thief.go_on(password=PASSWORD_2)
    assert "Your password was changed" in thief.page.inner_text("[role=status]")

    owner.open(site.link(f"{name}@mail.example", "/secure-account"))
    owner.go_on()
    owner.go_on(password="a third one: basalt, ferry, plum 5")

    assert owner.heading == "Password changed"
    thief.open("/account")
    assert thief.path == "/login"


def test_an_address_is_changed_when_both_mailboxes_agree(site: Site, visitor: Visitor) -> None:
    name = site.person()
    signed_in(site, visitor, name, "/account/email")
    visitor.go_on(email=f"{name}@new.example")
    assert "E-mail change under way" in visitor.page.inner_text("main")

    visitor.open(site.link(f"{name}@new.example", "/verify-email/new"))
    visitor.go_on()
    assert visitor.heading == "One more confirmation"
    visitor.open(site.link(f"{name}@mail.example", "/verify-email/old"))
    visitor.go_on()
    assert visitor.heading == "Address confirmed"

    visitor.open("/account")
    assert f"{name}@new.example" in visitor.page.inner_text("dl")
    # Both are told, and each can say that it was not them.
    for address in (f"{name}@mail.example", f"{name}@new.example"):
        site.link(address, "/secure-account")


def test_other_sessions_are_signed_out_one_by_one_and_all_at_once(site: Site, visit: Callable[..., Visitor]) -> None:
    name, here, there, third = site.person(), visit(), visit(), visit()
    for visitor in (here, there, third):
        signed_in(site, visitor, name, "/account/sessions")

    here.open("/account/sessions")
    assert "within 15 seconds at every connected API" in here.page.inner_text("main")
    here.press("button:has-text('Sign out') >> nth=0")
    assert "The session was signed out." in here.page.inner_text("[role=status]")
    here.press("text=Sign out all others")

    assert "You are signed in nowhere else." in here.page.inner_text("main")
    for visitor in (there, third):
        visitor.open("/account")
        assert visitor.path == "/login"
    site.link(f"{name}@mail.example", "/secure-account")


def test_the_language_of_the_account_is_spoken_and_written(site: Site, visitor: Visitor) -> None:
    name = site.person()
    signed_in(site, visitor, name)

    visitor.page.select_option("#locale", "de")
    visitor.press("#continue")

    assert visitor.heading == "Ihr Konto"
    visitor.open("/account/password")
    visitor.go_on(password=PASSWORD_2)
    site.link(f"{name}@mail.example", "/secure-account")
    assert site.letters_to(f"{name}@mail.example")[-1]["Subject"] == "Ihr Passwort wurde geändert"


def test_what_happened_is_listed(site: Site, visitor: Visitor) -> None:
    name = site.person()
    signed_in(site, visitor, name, "/account/activity")

    assert "Signed in" in visitor.page.inner_text("main .rows")
    visitor.press("main >> text=Changes")
    assert "Account created by an operator" in visitor.page.inner_text("main .rows")


def test_an_address_that_does_not_exist_is_told_in_plain_words(site: Site, visitor: Visitor) -> None:
    visitor.open("/nowhere/at/all")

    assert visitor.heading == "There is nothing here"
    assert "This request cannot be completed." in visitor.page.inner_text("main")
