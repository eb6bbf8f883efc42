"""A web application that signs people in by OpenID Connect: Flask and Authlib. It knows the issuer's address and finds the rest itself.

    OIDC_ISSUER=http://localhost:8000 OIDC_CLIENT_ID=shop OIDC_CLIENT_SECRET=... python docs/examples/relying_party.py 8080

Then open http://localhost:8080/sign-in.
"""

from __future__ import annotations

import os
import secrets
import sys
from typing import Any

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, session, url_for

app = Flask(__name__)
app.secret_key = secrets.token_bytes(32)
oauth = OAuth(app)
oauth.register(
    "sealwright",
    client_id=os.environ["OIDC_CLIENT_ID"],
    client_secret=os.environ["OIDC_CLIENT_SECRET"],
    server_metadata_url=os.environ["OIDC_ISSUER"] + "/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile", "code_challenge_method": "S256"},
)


@app.get("/")
def home() -> Any:
    """Say who is signed in."""
    return session.get("user") or "nobody is signed in"


@app.get("/sign-in")
def sign_in() -> Any:
    """Send the browser to the issuer."""
    return oauth.sealwright.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback() -> Any:
    """Redeem the code. Authlib checks state, nonce, and the ID token with its signature, issuer and audience."""
    token = oauth.sealwright.authorize_access_token()
    session["user"] = {"sub": token["userinfo"]["sub"], "name": oauth.sealwright.userinfo(token=token)["preferred_username"]}
    return redirect(url_for("home"))


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]))
