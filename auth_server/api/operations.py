"""Every call that software makes, in one table: what `/openapi.json` says. Pages for people are not here.

A row without a door, a door without a row, and another list of methods fail a test, and what is answered is held against the schemas:
so the description cannot say what the server does not do. A door that is switched off (registration, for example) drops out of it.
"""

from __future__ import annotations

from typing import Final

from auth_server.api.operation import Auth, Operation
from auth_server.api.signal_operations import SIGNAL_OPERATIONS
from shared import well_known

_TOKEN_FORM: Final = (
    "grant_type* code redirect_uri code_verifier refresh_token device_code subject_token subject_token_type audience assertion scope "
    "resource client_id client_secret client_assertion client_assertion_type"
)
_CLIENT_FORM: Final = "client_id client_secret client_assertion client_assertion_type"
_REQUEST_FORM: Final = (
    "response_type* client_id* redirect_uri scope state nonce code_challenge code_challenge_method resource response_mode prompt max_age "
    "login_hint id_token_hint acr_values claims ui_locales"
)
_LOGOUT_FORM: Final = "id_token_hint client_id post_logout_redirect_uri state logout_hint ui_locales"
_OAUTH: Final = {400: "Error", 401: "Error", 503: "Error"}
_OWN: Final = {401: "Error", 403: "Error"}
_ME: Final = "/api/me"
_CLIENT_PATH: Final = "/register/{client_id}"

OPERATIONS: Final = (
    # Sign-in by software of one's own.
    Operation(
        "POST",
        "/api/registration",
        "first party",
        "Sign up",
        {201: "SignedUp", 403: "Error", 409: "Error", 422: "Error"},
        body="SignUp",
    ),
    Operation(
        "POST",
        "/api/login",
        "first party",
        "Sign in with username and password",
        {200: "TokenResponse CookieResponse", 400: "Error", 401: "Error", 429: "Error"},
        body="Login",
    ),
    Operation(
        "POST",
        "/api/refresh",
        "first party",
        "Renew the cookies of the cookie transport",
        {200: "CookieResponse", **_OWN},
        Auth.COOKIES,
    ),
    Operation(
        "POST",
        "/api/logout",
        "first party",
        "Sign out: session and tokens end",
        {204: "", 403: "Error"},
        Auth.COOKIES,
        body="Logout",
    ),
    # One's own account.
    Operation("GET", _ME, "own account", "The caller's profile", {200: "Profile", **_OWN}, Auth.ACCOUNT),
    Operation(
        "PATCH",
        _ME,
        "own account",
        "Change the locale",
        {200: "Profile", **_OWN, 422: "Error"},
        Auth.ACCOUNT,
        body="ProfileChange",
    ),
    Operation(
        "POST",
        f"{_ME}/password",
        "own account",
        "Change the password; other sessions end",
        {204: "", **_OWN, 422: "Error", 429: "Error"},
        Auth.ACCOUNT,
        body="PasswordChange",
    ),
    Operation("GET", f"{_ME}/sessions", "own account", "Where the account is signed in", {200: "Sessions", **_OWN}, Auth.ACCOUNT),
    Operation("DELETE", f"{_ME}/sessions", "own account", "End every other session", {200: "Ended", **_OWN}, Auth.ACCOUNT),
    Operation(
        "DELETE", f"{_ME}/sessions/{{sid}}", "own account", "End one session", {204: "", **_OWN, 404: "Error"}, Auth.ACCOUNT
    ),
    Operation(
        "GET", f"{_ME}/consents", "own account", "Apps that may act for the account", {200: "Consents", **_OWN}, Auth.ACCOUNT
    ),
    Operation(
        "DELETE",
        f"{_ME}/consents/{{client_id}}",
        "own account",
        "Withdraw an app's access",
        {204: "", **_OWN, 404: "Error"},
        Auth.ACCOUNT,
    ),
    # OAuth and OpenID Connect.
    Operation(
        "GET",
        "/authorize",
        "protocol",
        "Begin to sign a person in: leads to a page, or back to the client",
        {303: "", 400: ""},
        form=_REQUEST_FORM,
    ),
    Operation("POST", "/authorize", "protocol", "The same with the parameters in a form", {303: "", 400: ""}, form=_REQUEST_FORM),
    Operation(
        "POST",
        "/par",
        "protocol",
        "Push an authorization request (RFC 9126)",
        {201: "Pushed", **_OAUTH},
        Auth.CLIENT,
        _REQUEST_FORM,
    ),
    Operation("POST", "/token", "protocol", "Get tokens", {200: "TokenResponse", **_OAUTH}, Auth.CLIENT, _TOKEN_FORM),
    Operation(
        "POST",
        "/device_authorization",
        "protocol",
        "Begin to let a device in (RFC 8628)",
        {200: "DeviceAuthorization", **_OAUTH},
        Auth.CLIENT,
        f"scope resource {_CLIENT_FORM}",
    ),
    Operation(
        "GET",
        "/userinfo",
        "protocol",
        "Claims of the person (OpenID Connect Core 5.3)",
        {200: "Userinfo", **_OWN},
        Auth.TOKEN,
    ),
    Operation(
        "POST",
        "/userinfo",
        "protocol",
        "The same; the token may be in the form",
        {200: "Userinfo", **_OWN},
        Auth.TOKEN,
        "access_token",
    ),
    Operation(
        "POST",
        "/introspect",
        "protocol",
        "What a token is worth now (RFC 7662)",
        {200: "Introspection", **_OAUTH},
        Auth.CLIENT,
        f"token* token_type_hint {_CLIENT_FORM}",
    ),
    Operation(
        "POST",
        "/revoke",
        "protocol",
        "End a token (RFC 7009)",
        {200: "", **_OAUTH},
        Auth.CLIENT,
        f"token* token_type_hint {_CLIENT_FORM}",
    ),
    Operation(
        "GET", "/end_session", "protocol", "Sign a person out (RP-initiated logout)", {303: "", 400: ""}, form=_LOGOUT_FORM
    ),
    Operation(
        "POST", "/end_session", "protocol", "The same with the parameters in a form", {303: "", 400: ""}, form=_LOGOUT_FORM
    ),
    Operation(
        "POST",
        "/register",
        "protocol",
        "Register a client (RFC 7591)",
        {201: "ClientInformation", 400: "Error", 401: "Error", 429: "Error"},
        body="ClientMetadata",
    ),
    Operation(
        "GET", _CLIENT_PATH, "protocol", "Read a registration (RFC 7592)", {200: "ClientInformation", 401: "Error"}, Auth.TOKEN
    ),
    Operation(
        "PUT",
        _CLIENT_PATH,
        "protocol",
        "Change a registration",
        {200: "ClientInformation", 400: "Error", 401: "Error"},
        Auth.TOKEN,
        body="ClientMetadata",
    ),
    Operation("DELETE", _CLIENT_PATH, "protocol", "End a registration", {204: "", 401: "Error"}, Auth.TOKEN),
    # What everybody may read.
    Operation("GET", well_known.OPENID_CONFIGURATION, "published", "Metadata (OpenID Connect Discovery)", {200: "Metadata"}),
    Operation("GET", well_known.AUTHORIZATION_SERVER, "published", "Metadata (RFC 8414)", {200: "Metadata"}),
    Operation("GET", well_known.JWKS, "published", "Public keys (RFC 7517)", {200: "Jwks", 304: "", 503: "Error"}),
    Operation(
        "GET",
        well_known.REVOCATION_FEED,
        "published",
        "What was revoked, signed",
        {200: "", 304: "", 400: "Error", 503: "Error"},
        form="after wait key_epoch alg",
    ),
    Operation("GET", "/openapi.json", "published", "This description", {200: ""}),
    Operation("GET", "/", "published", "What this is", {200: "Welcome"}),
    *SIGNAL_OPERATIONS,
    # For the platform.
    Operation("GET", "/livez", "process", "The process answers", {200: "Status"}),
    Operation("GET", "/readyz", "process", "Requests may be sent here", {200: "Status", 503: "Status"}),
    Operation("GET", "/healthz", "process", "The same as /readyz", {200: "Status", 503: "Status"}),
    Operation("GET", "/version", "process", "Program and version", {200: "Version"}),
    Operation("GET", "/metrics", "process", "Counters and gauges, in the text form of Prometheus", {200: ""}),
)
