"""What every page is made with: the look, the forms' tokens, the cookies, and what may be promised to people."""

from __future__ import annotations

from auth_server.revocation.promise import promise
from auth_server.settings import Settings
from auth_server.web.branding import Branding, palette_of, parse_colour, read_logo
from auth_server.web.cookies import CookieJar
from auth_server.web.csrf import Csrf
from auth_server.web.page_kit import PageKit, Promises
from auth_server.web.pages import Pages


def build_page_kit(settings: Settings) -> PageKit:
    """Return it; its forms need a secret that is unsealed later (`PageKit.csrf.use_key`).

    Raises:
        ValueError: the logo cannot be used.
    """
    logo = None if settings.brand_logo is None else read_logo(settings.brand_logo)
    branding = Branding(settings.brand_name, palette_of(parse_colour(settings.brand_color)), logo)
    bounds = promise(settings.key_policy)
    return PageKit(
        issuer=settings.issuer,
        pages=Pages(branding, is_demo=settings.demo),
        csrf=Csrf(settings.issuer),
        jar=CookieJar(settings.issuer.startswith("https:")),
        promises=Promises(soon_seconds=bounds.connected, latest_seconds=bounds.cut_off),
    )
