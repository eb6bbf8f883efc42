"""The shapes of what is sent and answered, as JSON Schema (the dialect of OpenAPI 3.1). Tests hold real answers against them."""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
_WHOLE: Final[Schema] = {"type": "integer"}
_YES_NO: Final[Schema] = {"type": "boolean"}
_TEXTS: Final[Schema] = {"type": "array", "items": TEXT}
_URL: Final[Schema] = {"type": "string", "format": "uri"}
_TIME: Final[Schema] = {"type": "integer", "description": "seconds since the epoch"}
_TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}


def _object(required: str = "", /, *, more: bool = False, **members: Schema) -> Schema:
    made: Schema = {"type": "object", "properties": members, "additionalProperties": more}
    return made | ({"required": required.split()} if required else {})


def _list(name: str, item: Schema) -> Schema:
    members: dict[str, Any] = {name: {"type": "array", "items": item}}
    return _object(name, **members)


_CLIENT: Final[dict[str, Schema]] = {
    "client_name": TEXT,
    "redirect_uris": _TEXTS,
    "post_logout_redirect_uris": _TEXTS,
    "grant_types": _TEXTS,
    "response_types": _TEXTS,
    "token_endpoint_auth_method": TEXT,
    "scope": TEXT,
    "subject_type": TEXT,
    "jwks": {"type": "object"},
    "jwks_uri": _URL,
    "id_token_signed_response_alg": TEXT,
    "require_pushed_authorization_requests": _YES_NO,
    "backchannel_logout_uri": _URL,
    "logo_uri": _URL,
    "client_uri": _URL,
    "policy_uri": _URL,
    "tos_uri": _URL,
}

_SIGNAL_STREAM: Final = _object(
    "stream_id iss aud delivery events_supported events_requested events_delivered min_verification_interval",
    stream_id=TEXT,
    iss=_URL,
    aud={"anyOf": [TEXT, _TEXTS]},
    delivery=_object("method endpoint_url", method=TEXT, endpoint_url=_URL),
    events_supported=_TEXTS,
    events_requested=_TEXTS,
    events_delivered=_TEXTS,
    min_verification_interval=_WHOLE,
    description=TEXT,
)

SCHEMAS: Final[dict[str, Schema]] = {
    "Error": _object(
        "error error_description",
        more=True,
        error={"type": "string", "description": "a stable code, for programs"},
        error_description={"type": "string", "description": "a fixed sentence, for people"},
        reasons=_TEXTS,
    ),
    "Login": _object(
        "username password", username=TEXT, password=TEXT, resource=TEXT, scope=TEXT, transport={"enum": ["body", "cookie"]}
    ),
    "TokenResponse": _object(
        "access_token token_type expires_in",
        access_token=TEXT,
        token_type={"const": "Bearer"},
        expires_in=_WHOLE,
        refresh_token=TEXT,
        id_token=TEXT,
        scope=TEXT,
        issued_token_type=TEXT,
    ),
    "CookieResponse": _object("expires_in", expires_in=_WHOLE, scope=TEXT),
    "Logout": _object(refresh_token=TEXT),
    "SignUp": _object("username email password", username=TEXT, email=TEXT, password=TEXT),
    "SignedUp": _object("sub username", sub=TEXT, username=TEXT),
    "Profile": _object(
        "sub username created_at",
        sub=TEXT,
        username=TEXT,
        email=_TEXT_OR_NULL,
        email_verified=_YES_NO,
        locale=_TEXT_OR_NULL,
        created_at=_TIME,
    ),
    "ProfileChange": _object(locale=_TEXT_OR_NULL),
    "PasswordChange": _object("current_password password", current_password=TEXT, password=TEXT),
    "Sessions": _list(
        "sessions",
        _object(
            "sid auth_time current",
            sid=TEXT,
            auth_time=_TIME,
            address=_TEXT_OR_NULL,
            user_agent=_TEXT_OR_NULL,
            current=_YES_NO,
        ),
    ),
    "Ended": _object("ended", ended=_WHOLE),
    "Consents": _list(
        "consents",
        _object(
            "client_id name scope granted_at",
            client_id=TEXT,
            name=TEXT,
            scope=TEXT,
            granted_at=_TIME,
            used_at={"type": ["integer", "null"]},
        ),
    ),
    "Status": _object("status", status={"enum": ["ok", "unavailable"]}, checks={"type": "object", "additionalProperties": TEXT}),
    "Version": _object("name version", name=TEXT, version=TEXT),
    "Welcome": _object(
        "name about issuer links", name=TEXT, about=TEXT, issuer=_URL, links={"type": "object", "additionalProperties": _URL}
    ),
    "Metadata": _object(
        "issuer authorization_endpoint token_endpoint jwks_uri response_types_supported key_policy",
        more=True,
        issuer=_URL,
        authorization_endpoint=_URL,
        token_endpoint=_URL,
        jwks_uri=_URL,
        response_types_supported=_TEXTS,
        scopes_supported=_TEXTS,
        grant_types_supported=_TEXTS,
        code_challenge_methods_supported=_TEXTS,
        key_policy={"type": "object", "additionalProperties": {"type": "number"}},
    ),
    "Jwks": _object(
        "keys epoch revoked",
        keys={
            "type": "array",
            "items": _object("kty kid alg use", more=True, kty=TEXT, kid=TEXT, alg=TEXT, use={"const": "sig"}),
        },
        epoch=_WHOLE,
        revoked=_TEXTS,
    ),
    "Pushed": _object("request_uri expires_in", request_uri=TEXT, expires_in=_WHOLE),
    "DeviceAuthorization": _object(
        "device_code user_code verification_uri expires_in",
        device_code=TEXT,
        user_code=TEXT,
        verification_uri=_URL,
        verification_uri_complete=_URL,
        expires_in=_WHOLE,
        interval=_WHOLE,
    ),
    "Introspection": _object(
        "active", more=True, active=_YES_NO, scope=TEXT, client_id=TEXT, sub=TEXT, exp=_TIME, iat=_TIME, iss=_URL
    ),
    "Userinfo": _object("sub", more=True, sub=TEXT),
    "ClientMetadata": _object(more=True, **_CLIENT),
    "ClientInformation": _object(
        "client_id registration_access_token registration_client_uri",
        more=True,
        client_id=TEXT,
        client_secret=TEXT,
        client_secret_expires_at=_WHOLE,
        client_id_issued_at=_TIME,
        registration_access_token=TEXT,
        registration_client_uri=_URL,
        **_CLIENT,
    ),
    "SignalMetadata": _object("issuer configuration_endpoint", more=True, issuer=_URL, configuration_endpoint=_URL),
    "SignalStreamConfiguration": _object(
        more=True,
        stream_id=TEXT,
        delivery={"type": "object"},
        events_requested=_TEXTS,
        description=TEXT,
    ),
    "SignalStream": _SIGNAL_STREAM,
    "SignalStreams": {"type": "array", "items": _SIGNAL_STREAM},
    "SignalStatus": _object("stream_id status", stream_id=TEXT, status={"enum": ["enabled", "paused", "disabled"]}, reason=TEXT),
    "SignalVerification": _object("stream_id", more=True, stream_id=TEXT, state=TEXT),
    "SignalPoll": _object(more=True, maxEvents=_WHOLE, returnImmediately=_YES_NO, ack=_TEXTS, setErrs={"type": "object"}),
    "SignalSets": _object("sets moreAvailable", sets={"type": "object", "additionalProperties": TEXT}, moreAvailable=_YES_NO),
}
