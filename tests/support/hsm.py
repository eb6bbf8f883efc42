"""An HSM of our own: SoftHSM 2 with a token in a temporary folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from auth_server.keys.custodians.pkcs11 import Pkcs11Access
from auth_server.keys.pkcs11_binding import open_module
from auth_server.protocol.secret import Secret

TOKEN: Final = "sealwright-tests"
PIN: Final = "canary-pin-40917263"
# One more, on which nobody logs in: a login holds for the whole process.
OTHER_TOKEN: Final = "sealwright-tests-other"
_PLACES: Final = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/*/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)


def find_softhsm() -> Path | None:
    """Return SoftHSM's PKCS#11 library; None where it, or the program that makes tokens, is not installed."""
    if shutil.which("softhsm2-util") is None:
        return None
    found = [path for place in _PLACES for path in sorted(Path("/").glob(place.lstrip("/")))]
    return next(iter(found), None)


@contextmanager
def an_hsm(module: Path, folder: Path) -> Iterator[Pkcs11Access]:
    """Make a token, and let this process find it. The library reads its configuration once: one HSM for each process."""
    tokens = folder / "tokens"
    tokens.mkdir(mode=0o700)
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n", encoding="ascii"
    )
    with patch.dict(os.environ, SOFTHSM2_CONF=str(configuration)):
        for label in (TOKEN, OTHER_TOKEN):
            words = ["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "canary-so-pin-5678"]
            subprocess.run(["softhsm2-util", *words], check=True, capture_output=True, timeout=120)
        yield Pkcs11Access(str(module), TOKEN, Secret(PIN))


@contextmanager
def opened(access: Pkcs11Access) -> Iterator[Any]:
    """Look at the token past the custodian: a session that may write."""
    import pkcs11

    token = open_module(access.module).get_token(token_label=access.token)
    login = None
    try:
        login = token.open(user_pin=access.pin.reveal())
    except pkcs11.UserAlreadyLoggedIn:
        pass
    with token.open(rw=True) as session:
        yield session
    if login is not None:
        login.close()


def labels(access: Pkcs11Access) -> list[str]:
    """Return the labels of everything on the token."""
    import pkcs11

    with opened(access) as session:
        return sorted(found[pkcs11.Attribute.LABEL] for found in session.get_objects())
