"""A key pair of a client or of a pretended platform: make one, and sign a token with it.

python docs/demo/signing_key.py new FOLDER                   writes FOLDER/key.pem and FOLDER/jwks.json
python docs/demo/signing_key.py sign FOLDER iss=... sub=...   prints a JWT with these claims, good for a minute
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm


def new(folder: Path) -> None:
    """Make a key for ES256; only `jwks.json` is for others."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "key.pem").touch(mode=0o600)
    (folder / "key.pem").write_bytes(pem)
    public = {**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "1", "alg": "ES256", "use": "sig"}
    (folder / "jwks.json").write_text(json.dumps({"keys": [public]}), encoding="utf-8")


def sign(folder: Path, claims: dict[str, str]) -> str:
    """Return a token with an `iat`, an `exp` and a `jti` of its own (RFC 7523 section 3)."""
    now = int(time.time())
    whole = {**claims, "iat": now, "exp": now + 60, "jti": secrets.token_urlsafe(16)}
    return jwt.encode(whole, (folder / "key.pem").read_bytes(), algorithm="ES256", headers={"kid": "1"})


if __name__ == "__main__":
    verb, place, *rest = sys.argv[1:]
    if verb == "new":
        new(Path(place))
    else:
        print(sign(Path(place), dict(claim.split("=", 1) for claim in rest)))
