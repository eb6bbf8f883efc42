"""Apache's mod_auth_openidc as a relying party, configured as `docs/openid-connect.md` shows."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from docs.demo.servers import ROOT
from tests.interop.apache import Apache, an_apache, find_apache, running
from tests.interop.site import Site
from tests.support.databases import skip_or_fail
from tests.support.forms import FormBrowser

PAPER: Final = ROOT / "docs" / "openid-connect.md"
_BYE: Final = "/bye.html"


@pytest.fixture(scope="module")
def apache(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apache]:
    """A running Apache whose `/private` is for people who signed in, and `/api` for tokens."""
    program = find_apache()
    if program is None:
        skip_or_fail("apache2 with mod_auth_openidc (libapache2-mod-auth-openidc) was not found")
    folder = _readable(tmp_path_factory.mktemp("apache"))
    made = an_apache(folder, program)
    (folder / "public" / "bye.html").write_text("signed out\n", encoding="utf-8")
    client_id, secret = site.client(
        *("apache", "--grant", "authorization_code", "--grant", "refresh_token", "--redirect-uri", made.callback),
        *("--post-logout-redirect-uri", made.origin + _BYE, "--scope", "openid profile email"),
    )
    with running(made, _directives(made, site, client_id, secret)):
        yield made


def _directives(apache: Apache, site: Site, client_id: str, secret: str) -> str:
    """Return the configuration of the paper, with our addresses and secrets in the place of the paper's."""
    (block,) = re.findall(r"```apache\n(.*?)```", PAPER.read_text(encoding="utf-8"), re.DOTALL)
    for old, new in {
        "https://id.example.com": site.issuer,
        "https://www.example.com": apache.origin,
        "the-client-id": client_id,
        "the-client-secret": secret,
        "another-long-random-text": secrets.token_hex(16),
    }.items():
        assert old in block
        block = block.replace(old, new)
    # So that the test sees whom Apache takes the caller for.
    return f"""{block}
<Location "/private/">
    Header set X-Signed-In "expr=%{{REMOTE_USER}}"
</Location>
"""


def _readable(folder: Path) -> Path:
    """Let a server that gives up root reach its own folder."""
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(parent.stat().st_mode | 0o055)
    return folder


def test_a_person_signs_in_through_apache_and_out_again(site: Site, apache: Apache) -> None:
    with httpx2.Client(timeout=20, follow_redirects=False) as relying_party, FormBrowser(site.issuer) as issuer:
        assert relying_party.get(f"{apache.origin}/").text == "everybody\n"
        begun = relying_party.get(f"{apache.origin}/private/")
        asked = {name: values[0] for name, values in parse_qs(urlsplit(begun.headers["location"]).query).items()}
        back = issuer.sign_in(begun.headers["location"], "alice", site.pair.password)
        arrived = relying_party.get(back.headers["location"])
        inside = relying_party.get(arrived.headers["location"])
        out = relying_party.get(f"{apache.callback}?logout={apache.origin}{_BYE}")
        gone = issuer.open(out.headers["location"])
        again = relying_party.get(f"{apache.origin}/private/")

    assert (asked["response_type"], asked["code_challenge_method"], asked["scope"]) == ("code", "S256", "openid profile")
    assert (inside.status_code, inside.text, inside.headers["x-signed-in"]) == (200, "members\n", "alice")
    assert gone.headers["location"].startswith(apache.origin + _BYE)
    assert again.headers["location"].startswith(f"{site.issuer}/authorize")


def test_a_forged_answer_gets_nobody_in(site: Site, apache: Apache) -> None:
    with httpx2.Client(timeout=20) as relying_party:
        begun = relying_party.get(f"{apache.origin}/private/")
        state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
        answer = relying_party.get(apache.callback, params={"code": "forged", "state": state, "iss": site.issuer})
        again = relying_party.get(f"{apache.origin}/private/")

    assert "members" not in answer.text
    assert again.headers["location"].startswith(f"{site.issuer}/authorize")


def test_whoever_is_signed_in_at_the_issuer_is_not_asked_again(site: Site, apache: Apache) -> None:
    with httpx2.Client(timeout=20) as relying_party, FormBrowser(site.issuer) as issuer:
        begun = relying_party.get(f"{apache.origin}/private/")
        relying_party.get(issuer.sign_in(begun.headers["location"], "alice", site.pair.password).headers["location"])
        relying_party.cookies.clear()
        again = relying_party.get(f"{apache.origin}/private/")
        straight = issuer.open(again.headers["location"])

    assert straight.headers["location"].startswith(apache.callback)
