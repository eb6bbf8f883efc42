"""Draw the pictures of `docs/screenshots/` anew: `python -m tests.browser.screenshots`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, sync_playwright

from tests.browser.site import Site, Visitor, a_visitor, find_chromium, start_site

FOLDER: Final = Path(__file__).parents[2] / "docs" / "screenshots"


def draw(folder: Path) -> list[Path]:
    """Draw every picture into a folder; return their paths."""
    path = find_chromium()
    if path is None:
        raise SystemExit("no Chromium was found")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        site = start_site(Path(place))
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            return [folder / f"{name}.png" for name in _walk(site, browser, folder)]
        finally:
            browser.close()
            site.pair.auth.stop()
            site.client.stop()


def _walk(site: Site, browser: Browser, folder: Path) -> list[str]:
    drawn: list[str] = []

    def shoot(visitor: Visitor, name: str, scheme: str = "light") -> None:
        visitor.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        visitor.page.screenshot(path=folder / f"{name}.png", full_page=True)
        drawn.append(name)

    desk = a_visitor(site, browser, width=820)
    name = site.person()
    desk.open(site.authorize())
    shoot(desk, "sign-in-light")
    shoot(desk, "sign-in-dark", "dark")
    desk.go_on(username=name, password="not the password of amelie")
    shoot(desk, "sign-in-wrong")
    desk.sign_in(name)
    shoot(desk, "consent-light")
    shoot(desk, "consent-dark", "dark")
    desk.go_on()
    desk.open(site.authorize(prompt="login"))
    shoot(desk, "step-up")
    desk.open("/account")
    shoot(desk, "account")
    desk.open("/account/sessions")
    shoot(desk, "sessions-dark", "dark")
    desk.open("/account/apps")
    shoot(desk, "apps")
    desk.open("/account/activity")
    shoot(desk, "activity")
    desk.open("/device")
    desk.go_on(user_code=site.device_code())
    shoot(desk, "device")
    desk.open("/end_session")
    shoot(desk, "sign-out")
    desk.open(site.authorize(redirect_uri="https://evil.example/"))
    shoot(desk, "error")
    phone = a_visitor(site, browser, width=360, locale="de-DE")
    phone.open(site.authorize())
    phone.sign_in(name)
    phone.open(site.authorize(prompt="consent"))
    shoot(phone, "consent-phone-german")
    right_to_left = a_visitor(site, browser, width=820, locale="he-IL")
    right_to_left.open(site.authorize())
    shoot(right_to_left, "sign-in-hebrew")
    right_to_left.open("/register-account")
    right_to_left.go_on(username="amelie-b", email="amelie@mail.example", password="short")
    shoot(right_to_left, "register-hebrew")
    return drawn


if __name__ == "__main__":
    for file in draw(FOLDER):
        print(file.relative_to(FOLDER.parents[1]), file.stat().st_size)
