"""Is this a request that can be answered? First who asks and where the answer goes, then everything else.

client, redirect_uri        a fault is told on a page of ours, and nothing goes anywhere (RFC 6749 section 4.1.2.1)
all the rest                a fault goes back to the redirect URI
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from auth_server.protocol import claims_request, pkce
from auth_server.protocol.authorization_parameters import Parameters
from auth_server.protocol.authorization_request import AuthorizationRequest, Prompt, ResponseMode
from auth_server.protocol.authorization_response import RedirectableError, ReturnAddress
from auth_server.protocol.client import Client
from auth_server.protocol.errors import InvalidScope, InvalidTarget, PageError
from auth_server.protocol.redirect_uri import is_registered
from auth_server.protocol.resource import Resource, choose_audience, usable_by
from auth_server.protocol.scope import OPENID, UNOWNED
from shared import scope

CODE: Final = "code"
GRANT_TYPE: Final = "authorization_code"
_MOST_WORDS: Final = 32
_MOST_CHARACTERS: Final = 2048


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a check depends on beside the parameters: the resources, and what became of the `id_token_hint`.

    `hinted_subject` is None without a hint; `hint_fault` says what is wrong with one that cannot be believed. `is_pushed` is for
    parameters that came through PAR.
    """

    resources: Mapping[str, Resource]
    hinted_subject: str | None = None
    hint_fault: str | None = None
    is_pushed: bool = False


def return_address(parameters: Parameters, client: Client) -> ReturnAddress:
    """Return where the answer goes.

    Raises:
        PageError: the redirect URI is repeated, missing, or none of the client's.
    """
    if not parameters.repeated.isdisjoint({"client_id", "redirect_uri"}):
        raise PageError("client_id or redirect_uri is repeated")
    sent = parameters.get("redirect_uri")
    if sent is None and len(client.redirect_uris) != 1:
        raise PageError("no redirect_uri, and not exactly one is registered")
    uri = sent or client.redirect_uris[0]
    if not is_registered(uri, client.redirect_uris):
        raise PageError("the redirect_uri is not registered for this client")
    mode = parameters.get("response_mode")
    known = mode if mode in set(ResponseMode) and "response_mode" not in parameters.repeated else ResponseMode.QUERY
    state = None if "state" in parameters.repeated else parameters.get("state")
    return ReturnAddress(uri, sent is not None, known or ResponseMode.QUERY, state)


def check(parameters: Parameters, client: Client, address: ReturnAddress, around: Surroundings) -> AuthorizationRequest:
    """Return the request.

    Raises:
        RedirectableError: it cannot be answered; the client is told why.
    """
    _check_form(parameters, client, around)
    code_challenge = _code_challenge(parameters, client)
    asked = _scope(parameters, client)
    if asked is not None and OPENID in asked and not address.redirect_uri_sent:
        raise _invalid("redirect_uri is missing")
    resource = _resource(parameters, client, asked, around)
    claims_text = parameters.get("claims")
    _or_invalid("claims is malformed", claims_request.parse, claims_text)
    max_age = _max_age(parameters)
    return AuthorizationRequest(
        client_id=client.client_id,
        redirect_uri=address.redirect_uri,
        redirect_uri_sent=address.redirect_uri_sent,
        response_mode=address.response_mode,
        state=address.state,
        scope=asked,
        resource=resource,
        resource_sent=parameters.get("resource") is not None,
        code_challenge=code_challenge,
        nonce=_bounded(parameters, "nonce"),
        prompt=_prompt(parameters),
        max_age=client.default_max_age if max_age is None else max_age,
        login_hint=_bounded(parameters, "login_hint"),
        hinted_subject=_hint(around),
        acr_values=_words(parameters, "acr_values"),
        ui_locales=_words(parameters, "ui_locales"),
        claims_text=claims_text,
    )


def _check_form(parameters: Parameters, client: Client, around: Surroundings) -> None:
    if parameters.repeated:
        raise _invalid("a parameter is repeated")
    if parameters.get("request") is not None:
        raise RedirectableError("request_not_supported", "this server takes no request objects")
    if parameters.get("request_uri") is not None:
        raise RedirectableError("request_uri_not_supported", "only the request_uri of a pushed request is taken")
    if parameters.get("registration") is not None:
        raise RedirectableError("registration_not_supported", "clients are registered beforehand")
    if client.requires_pushed_requests and not around.is_pushed:
        raise _invalid("this client must push its authorization requests")
    response_type = parameters.get("response_type")
    if response_type is None:
        raise _invalid("response_type is missing")
    if response_type != CODE:
        raise RedirectableError("unsupported_response_type", "the response_type must be code")
    if not client.may_use(GRANT_TYPE):
        raise RedirectableError("unauthorized_client", "this client may not use authorization codes")
    mode = parameters.get("response_mode")
    if mode is not None and mode not in set(ResponseMode):
        raise _invalid("the response_mode must be query or form_post")


def _code_challenge(parameters: Parameters, client: Client) -> str | None:
    """Return the challenge. S256 alone: left out, the method means plain (RFC 7636 section 4.3)."""
    challenge, method = parameters.get("code_challenge"), parameters.get("code_challenge_method")
    if challenge is None:
        if method is not None or client.requires_pkce:
            raise _invalid("code_challenge is missing")
        return None
    if method != pkce.S256:
        raise _invalid("code_challenge_method must be S256")
    if not pkce.is_challenge(challenge):
        raise _invalid("code_challenge is malformed")
    return challenge


def _scope(parameters: Parameters, client: Client) -> frozenset[str] | None:
    """Return what was asked, cut to what the client may have; None when nothing was asked."""
    text = parameters.get("scope")
    if text is None:
        return None
    try:
        asked = scope.parse(text)
    except ValueError as error:
        raise RedirectableError("invalid_scope", "the scope is malformed") from error
    allowed = asked & client.scope
    if asked and not allowed:
        raise RedirectableError("invalid_scope", "none of the scopes can be granted to this client")
    return allowed


def _resource(parameters: Parameters, client: Client, asked: frozenset[str] | None, around: Surroundings) -> str | None:
    """Return the resource the token is for; None when somebody is to be signed in and no API opened (RFC 8707 section 2)."""
    sent = parameters.get("resource")
    if sent is not None and (not urlsplit_is_absolute(sent) or "#" in sent):
        raise RedirectableError("invalid_target", "the resource must be an absolute URI without a fragment")
    owned = None if asked is None else asked - UNOWNED
    if sent is None and owned is not None and not owned:
        default = client.default_resource
        return default if default in usable_by(client, around.resources) else None
    try:
        return choose_audience(sent, owned, client, around.resources, client.default_resource).identifier
    except InvalidTarget as error:
        raise RedirectableError("invalid_target", error.description) from error
    except InvalidScope as error:
        raise RedirectableError("invalid_scope", error.description) from error


def urlsplit_is_absolute(uri: str) -> bool:
    """Say whether a text is an absolute URI (RFC 3986 section 4.3)."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    return bool(parts.scheme) and bool(parts.netloc or parts.path) and uri.isascii() and uri.isprintable()


def _prompt(parameters: Parameters) -> frozenset[str]:
    words = frozenset((parameters.get("prompt") or "").split())
    if not words <= set(Prompt):
        raise _invalid("the prompt is not known")
    if Prompt.NONE in words and len(words) > 1:
        raise _invalid("prompt=none goes with no other prompt")
    return words


def _max_age(parameters: Parameters) -> int | None:
    text = parameters.get("max_age")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise _invalid("max_age must be a whole number of seconds")
    return int(text)


def _hint(around: Surroundings) -> str | None:
    if around.hint_fault is not None:
        raise RedirectableError("invalid_request", "the id_token_hint is not valid", detail=around.hint_fault)
    return around.hinted_subject


def _words(parameters: Parameters, name: str) -> tuple[str, ...]:
    return tuple((_bounded(parameters, name) or "").split())[:_MOST_WORDS]


def _bounded(parameters: Parameters, name: str) -> str | None:
    value = parameters.get(name)
    if value is not None and len(value) > _MOST_CHARACTERS:
        raise _invalid(f"{name} is too long")
    return value


def _or_invalid(description: str, read: Callable[[str | None], object], text: str | None) -> None:
    try:
        read(text)
    except ValueError as error:
        raise _invalid(description) from error


def _invalid(description: str) -> RedirectableError:
    return RedirectableError("invalid_request", description)
