"""Laws of authorization requests: no open redirect, nothing grows on the way, and every text is a request or a refusal."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auth_server.protocol import claims_request
from auth_server.protocol.authorization_checks import Surroundings, check, return_address
from auth_server.protocol.authorization_parameters import Parameters
from auth_server.protocol.authorization_request import AuthorizationRequest
from auth_server.protocol.authorization_response import AuthorizationResponse, RedirectableError, ReturnAddress
from auth_server.protocol.errors import InvalidGrant, InvalidScope, PageError
from auth_server.protocol.pkce import challenge_of, check_code_verifier
from auth_server.protocol.redirect_uri import form_action_source, is_registered
from auth_server.protocol.scope import UNOWNED, grant_scope, granted_today
from auth_server.protocol.user_claims import declared_by, released_by_name, released_by_scope
from tests.support.builders import NOTES, a_client, a_resource

WEB = "https://app.example/cb"
NATIVE = "http://127.0.0.1/cb"
CLIENT = a_client(
    grants=frozenset({"authorization_code"}),
    scope=frozenset({"openid", "profile", "email", "notes:read", "notes:write"}),
    redirect_uris=(WEB, NATIVE),
)
AROUND = Surroundings({NOTES: a_resource()})
_NAMES = [
    "response_type",
    "client_id",
    "redirect_uri",
    "response_mode",
    "scope",
    "state",
    "resource",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "prompt",
    "max_age",
    "login_hint",
    "id_token_hint",
    "acr_values",
    "ui_locales",
    "claims",
    "request",
    "request_uri",
    "registration",
]
_GOOD = {
    "response_type": "code",
    "client_id": "app",
    "redirect_uri": WEB,
    "scope": "openid notes:read",
    "code_challenge": "a" * 43,
    "code_challenge_method": "S256",
}
_URIS = st.one_of(
    st.text(max_size=60),
    st.sampled_from([WEB, NATIVE]).flatmap(
        lambda uri: st.tuples(st.integers(0, len(uri)), st.text(max_size=4)).map(
            lambda cut: uri[: cut[0]] + cut[1] + uri[cut[0] :]
        )
    ),
)


@given(_URIS)
@example("http://127.0.0.1:1@evil.example/cb")
@example("http://127.0.0.1:/cb")
@example("http://127.0.0.1.evil.example/cb")
def test_what_is_registered_is_an_equal_text_or_another_port_of_loopback(uri: str) -> None:
    if not is_registered(uri, CLIENT.redirect_uris) or uri in CLIENT.redirect_uris:
        return
    parts = urlsplit(uri)
    assert (parts.scheme, parts.hostname, parts.path, parts.query, parts.username) == ("http", "127.0.0.1", "/cb", "", None)
    assert uri == f"http://127.0.0.1:{parts.netloc.partition(':')[2]}/cb"


@given(st.integers(0, 65_535))
def test_every_port_of_loopback_is_taken(port: int) -> None:
    assert is_registered(f"http://127.0.0.1:{port}/cb", CLIENT.redirect_uris)
    assert not is_registered(f"http://localhost:{port}/cb", ("http://localhost/cb",))


_PARAMETERS = st.dictionaries(
    st.sampled_from(_NAMES), st.one_of(st.text(max_size=80), _URIS, st.sampled_from(list(_GOOD.values())))
)


@given(_PARAMETERS, st.sets(st.sampled_from(_NAMES), max_size=2))
def test_no_open_redirect_and_every_request_is_checked_or_refused(changes: dict[str, str], repeated: set[str]) -> None:
    parameters = Parameters(_GOOD | changes, frozenset(repeated))
    try:
        address = return_address(parameters, CLIENT)
    except PageError:
        return
    assert is_registered(address.redirect_uri, CLIENT.redirect_uris)
    try:
        request = check(parameters, CLIENT, address, AROUND)
    except RedirectableError as refusal:
        response = AuthorizationResponse(address, refusal.members, "https://id.example")
        assert response.location.startswith(address.redirect_uri + "?")
        return
    assert request.scope is None or request.scope <= CLIENT.scope
    assert request.code_challenge is not None
    assert AuthorizationRequest.from_text(request.to_text()) == request


@given(st.text(max_size=200))
def test_nothing_in_a_state_leaves_its_parameter(state: str) -> None:
    try:
        state.encode()
    except UnicodeEncodeError:
        return
    response = AuthorizationResponse(ReturnAddress(WEB, state=state), (("code", "c"),), "https://id.example")

    assert urlsplit(response.location).netloc == "app.example"
    assert response.location == f"{WEB}?{urlencode(response.parameters)}"
    assert response.location.isascii()
    assert response.location.isprintable()


@given(st.binary(max_size=200))
def test_any_bytes_are_parameters_or_a_refusal(raw: bytes) -> None:
    try:
        Parameters.parse(raw)
    except PageError as refusal:
        assert refusal.status in (400, 414)  # noqa: PT017 - both ends are right


@given(
    st.one_of(
        st.text(max_size=200), st.recursive(st.none() | st.booleans() | st.text(max_size=5), st.lists, max_leaves=5).map(str)
    )
)
@example("[" * 4000)
@example('{"id_token": {"acr": {"essential": true, "values": 1}}}')
def test_any_text_is_a_claims_request_or_a_value_error(text: str) -> None:
    try:
        parsed = claims_request.parse(text)
    except ValueError:
        return
    assert isinstance(parsed.essential_acr, frozenset)
    assert parsed.subject is None or isinstance(parsed.subject, str)


_SCOPES = st.frozensets(
    st.sampled_from(["openid", "profile", "email", "offline_access", "notes:read", "notes:write", "admin", "groups"])
)
_PERMISSIONS = st.one_of(st.none(), st.frozensets(st.sampled_from(["notes:read", "notes:write"])))


@given(_SCOPES, _SCOPES, _PERMISSIONS, _PERMISSIONS)
def test_scope_never_grows_from_request_to_code_to_token(
    asked: frozenset[str], may: frozenset[str], then: frozenset[str] | None, today: frozenset[str] | None
) -> None:
    client = a_client(scope=may)
    granted = grant_scope(asked, client, a_resource(), then)
    try:
        left = granted_today(granted, client, a_resource(), today)
    except InvalidScope:
        left = frozenset()

    assert left <= granted <= asked & may
    assert "notes:write" not in left or (today is not None and "notes:write" in today)


@given(_SCOPES)
def test_a_sign_in_alone_opens_no_api(asked: frozenset[str]) -> None:
    assert grant_scope(asked, a_client(scope=asked), None, None) <= UNOWNED


@given(st.from_regex(r"[A-Za-z0-9._~-]{43,128}", fullmatch=True), st.from_regex(r"[A-Za-z0-9._~-]{43,128}", fullmatch=True))
def test_a_challenge_is_met_by_its_verifier_alone(verifier: str, other: str) -> None:
    check_code_verifier(verifier, challenge_of(verifier))
    check_code_verifier(None, None)
    for wrong in (None, "", verifier[:42], verifier + " ", other if other != verifier else None, challenge_of(verifier)):
        with pytest.raises(InvalidGrant):
            check_code_verifier(wrong, challenge_of(verifier))
    with pytest.raises(InvalidGrant):
        check_code_verifier(verifier, None)


_KNOWN = st.dictionaries(
    st.sampled_from(["name", "email", "phone_number", "address", "groups", "department", "https://hr.example/x"]), st.just("v")
)


@given(_KNOWN, _SCOPES, st.sets(st.sampled_from(["name", "email", "department", "groups", "https://hr.example/x", "sub", "iss"])))
def test_nothing_is_released_without_its_scope(known: dict[str, str], scope: frozenset[str], asked: set[str]) -> None:
    told = released_by_scope(known, scope) | released_by_name(known, {name: {} for name in asked}, scope)

    assert told.keys() <= known.keys()
    assert "name" not in told or "profile" in scope
    assert "email" not in told or "email" in scope
    assert "department" not in told
    assert not {"name", "email", "phone_number", "address"} & declared_by(known, [*known]).keys()


@given(st.sampled_from([WEB, NATIVE, "https://a.example:8443/cb?x=1", "com.example.app:/cb", "http://[::1]:9/cb"]))
def test_the_source_of_a_form_holds_no_path_and_cannot_end_the_directive(uri: str) -> None:
    source = form_action_source(uri)

    assert uri.startswith(source)
    assert not set(source) & set(" ;,'\"?#")
