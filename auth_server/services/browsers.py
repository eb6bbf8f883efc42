"""Everything that the browser flow adds: codes, and the verifier of our own tokens."""

from __future__ import annotations

from dataclasses import dataclass

from auth_server.keys.keyring import Keyring
from auth_server.services.ground import Ground
from auth_server.tokens.codes import Codes
from auth_server.tokens.local_verifier import LocalVerifier


@dataclass(frozen=True, slots=True)
class BrowserFlow:
    """The collaborators of the browser flow below its own floor."""

    codes: Codes
    verifier: LocalVerifier


def build_browser_flow(ground: Ground, keyring: Keyring) -> BrowserFlow:
    """Connect them."""
    settings, store = ground.settings, ground.store
    return BrowserFlow(
        codes=Codes(store=store, lifetime=settings.code_lifetime, session_idle_lifetime=settings.session_idle_lifetime),
        verifier=LocalVerifier(store=store, keyring=keyring, issuer=settings.issuer),
    )
