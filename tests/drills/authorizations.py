"""An app with authorization codes, which are stored as a person's consent would have stored them."""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import Any, Final

from auth_server.store.authorization_codes import NewCode
from auth_server.store.transaction import Transaction
from docs.demo.story import Answer
from shared import base64url
from tests.drills.home import Home, ask
from tests.drills.site import API

APP: Final = "drill-app"
CALLBACK: Final = "https://app.example/cb"
SCOPE: Final = "notes:read"


def a_client(home: Home, *more: str) -> None:
    """Register the app whose codes and refresh tokens are tried."""
    grants = ("authorization_code", "refresh_token", *more)
    home.operate(
        *("client", "create", "--client-id", APP, "--public", "--redirect-uri", CALLBACK, "--scope", SCOPE),
        *(word for grant in grants for word in ("--grant", grant)),
    )


def an_authorization(home: Home, username: str) -> tuple[str, dict[str, Any]]:
    """Exchange a code of a person who is signed in; return the code and the token response."""
    code, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    store = home.store()
    sub, sid = store.read_blocking(lambda tx: session_of(tx, username))
    new = a_code(code, verifier, sub, sid)
    store.run_blocking(lambda tx: tx.authorization_codes.add(new, lifetime_ms=60_000))
    store.close()
    answer = exchange(home.url, code, verifier)
    if answer is None or answer.status != 200:
        raise RuntimeError(f"a code was not exchanged: {answer}")
    return code, dict(answer.body)


def a_code(code: str, verifier: str, sub: str, sid: str) -> NewCode:
    """Return a code as a consent would have stored it."""
    return NewCode(
        digest=hashlib.sha256(code.encode()).digest(),
        client_id=APP,
        sub=sub,
        subject=sub,
        sid=sid,
        redirect_uri=CALLBACK,
        redirect_uri_sent=True,
        code_challenge=base64url.encode(hashlib.sha256(verifier.encode()).digest()),
        scope=frozenset({SCOPE}),
        resource=API,
        resource_sent=True,
        nonce=None,
        claims=None,
        auth_time=int(time.time()),
        acr="1",
        amr=("pwd",),
    )


def exchange(url: str, code: str, verifier: str) -> Answer | None:
    """Present a code."""
    form = {
        "grant_type": "authorization_code",
        "client_id": APP,
        "code": code,
        "code_verifier": verifier,
        "redirect_uri": CALLBACK,
    }
    return ask("POST", url + "/token", form=form)


def session_of(tx: Transaction, username: str) -> tuple[str, str]:
    """Return who somebody is, and the newest session."""
    account = tx.accounts.find_by_username(username)
    assert account is not None
    return account.sub, tx.sessions.live_of(account.sub, 1)[0].sid
