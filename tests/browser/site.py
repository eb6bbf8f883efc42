"""A running issuer with people, clients and a folder of mail, and a person who uses its pages."""

from __future__ import annotations

import email
import email.policy
import re
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from docs.demo.story import call
from tests.flows.pair import Pair, make_pair

# S256 of forty-three times "v".
CHALLENGE: Final = "o2Em-y2K1TavSSSh6WQkdCMEfGOqtqsBbLk5CQb0rs8"
_MAIL_SECONDS: Final = 60
_AXE: Final = Axe()
_PEOPLE: Final = 40
_PERSON: Final = """
[[users]]
username = "person{number}"
email = "person{number}@mail.example"
email_verified = true
roles = ["editor"]
password_file = "password"
"""
PASSWORD_2: Final = "umbrella gravel otter lantern 99"


def find_chromium() -> str | None:
    """Return the path of a Chromium; None when there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


class _Arrival(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/cb"):
            self.server.arrived.append(self.path)  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>arrived</title>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Client:
    """A client's own origin, where answers arrive: real, for a browser's interception does not see redirects."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Arrival)
        self.arrived: list[str] = []
        self._server.arrived = self.arrived  # type: ignore[attr-defined]
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.callback = f"{self.origin}/cb"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass
class Site:
    """The issuer, as its people see it, and a client of it."""

    pair: Pair
    mail: Path
    client: Client
    _made: int = field(default=0)

    @property
    def issuer(self) -> str:
        return self.pair.issuer

    @property
    def password(self) -> str:
        return self.pair.password

    def person(self) -> str:
        """Return the name of an account that nobody else uses, with a verified address."""
        self._made += 1
        assert self._made <= _PEOPLE
        return f"person{self._made}"

    def authorize(self, client: str = "shop", **more: str) -> str:
        """Return the address of an authorization request."""
        parameters = {
            "client_id": client,
            "response_type": "code",
            "redirect_uri": self.client.callback,
            "scope": "openid profile notes:read offline_access",
            "resource": self.pair.api,
            "state": "state-1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **more,
        }
        return f"{self.issuer}/authorize?{urlencode({name: value for name, value in parameters.items() if value})}"

    def device_code(self) -> str:
        """Have a device ask to be let in, and return the code it shows."""
        form = {"client_id": "tv", "scope": "openid notes:read", "resource": self.pair.api}
        code: str = call("POST", f"{self.issuer}/device_authorization", form=form).body["user_code"]
        return code

    def letters_to(self, address: str) -> list[EmailMessage]:
        """Return what was sent to an address, oldest first."""
        files = sorted(self.mail.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
        letters = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
        return [letter for letter in letters if letter["To"] == address]

    def link(self, address: str, path: str, *, more_than: int = 0) -> str:
        """Wait for a letter with a link to a page, and return the newest one.

        Args:
            more_than: how many such letters there were before.
        """
        until = time.monotonic() + _MAIL_SECONDS
        pattern = re.compile(re.escape(self.issuer + path) + r"\?ticket=[\w-]+")
        while time.monotonic() < until:
            found = [match[0] for letter in self.letters_to(address) if (match := pattern.search(letter.get_content()))]
            if len(found) > more_than:
                return found[-1]
            time.sleep(0.1)
        raise AssertionError(f"no letter to {address} leads to {path}")


def start_site(folder: Path, **settings: str) -> Site:
    """Start an issuer with two clients: `shop` asks for consent, `counter` belongs to the operator."""
    mail = folder / "mail"
    pair = make_pair(folder, {"alice": ["editor"]}, AUTH_SERVER_SMTP_URL=f"file://{mail}", **settings)
    with Path(pair.environment["AUTH_SERVER_CONFIG"]).open("a", encoding="utf-8") as config:
        # Made at the start, all at once: a command for each would cost a second of work.
        config.writelines(_PERSON.format(number=number) for number in range(1, _PEOPLE + 1))
    pair.auth.start()
    client = Client()
    common = ("--redirect-uri", client.callback, "--grant", "authorization_code", "--grant", "refresh_token")
    scope = ("--scope", "openid profile email offline_access notes:read notes:write")
    pair.operate("client", "create", "--client-id", "shop", "--name", "Corner Shop", *common, *scope)
    device = ("--grant", "urn:ietf:params:oauth:grant-type:device_code", "--public", "--scope", "openid notes:read")
    pair.operate("client", "create", "--client-id", "tv", "--name", "Living Room", *device)
    return Site(pair, mail, client)


@dataclass
class Visitor:
    """One person at one browser. What the browser's console says against the page's policy fails the test."""

    site: Site
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go to a page of the issuer, or to a whole address."""
        self.page.goto(path if "://" in path else self.site.issuer + path)
        return self.page

    def go_on(self, **fields: str) -> None:
        """Fill in fields by name and press the button that goes on."""
        for name, value in fields.items():
            self.page.fill(f"[name={name}]", value)
        self.press("#continue")

    def press(self, selector: str) -> None:
        """Press a button or a link, and wait for where it leads."""
        with self.page.expect_navigation():
            self.page.click(selector)

    def sign_in(self, name: str, password: str | None = None) -> None:
        """Sign in at the page that is shown."""
        self.go_on(username=name, password=password or self.site.password)

    @property
    def path(self) -> str:
        """The path of the page that is shown."""
        return urlsplit(self.page.url).path

    @property
    def heading(self) -> str:
        """The heading of the page that is shown."""
        return self.page.inner_text("h1")

    def answer(self) -> Mapping[str, str]:
        """What the client was answered."""
        assert self.page.url.startswith(self.site.client.callback), self.page.url
        return dict(parse_qsl(urlsplit(self.page.url).query))

    def cookie(self, name: str) -> str | None:
        """The value of a cookie."""
        return next((cookie["value"] for cookie in self.context.cookies() if cookie["name"] == name), None)

    def find_barriers(self, *schemes: str) -> list[str]:
        """Return what axe-core finds wrong with the page, in these colour schemes, and whether it has to be scrolled sideways."""
        found = []
        for scheme in schemes:
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            results = _AXE.run(self.page)
            for violation in results.response["violations"]:
                nodes = "; ".join(node["html"] for node in violation["nodes"])
                found.append(f"{self.path} {scheme} {violation['id']}: {nodes}")
        if self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            found.append(f"{self.path} is wider than the window")
        return found


def a_visitor(site: Site, browser: Browser, *, scripts: bool = False, width: int = 1000, locale: str = "en-GB") -> Visitor:
    """Open a browser of its own. Without `scripts` the pages run none, as most of the suite does."""
    size = {"width": width, "height": 720}
    context = browser.new_context(java_script_enabled=scripts, viewport=size, locale=locale)  # type: ignore[arg-type]
    context.set_default_timeout(10_000)
    visitor = Visitor(site, context, context.new_page())
    visitor.page.on("console", lambda line: visitor.complaints.append(line.text) if "Policy" in line.text else None)
    return visitor
