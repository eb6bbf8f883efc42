"""What a client says of itself, in a registration (RFC 7591 section 2) or in a document behind its client_id.

Nobody vouches for any of it, so it may choose only what is harmless: how it proves itself, where it is called back, which of the
browser's and the device's grants it uses. A member that means nothing here is ignored, as the RFC says; one that would be followed,
shown or fetched later must be a public https address now.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from auth_server.clients.metadata import DEVICE_CODE, redirect_uri_fault
from auth_server.clients.proof_metadata import PRIVATE_KEY_JWT, jwks_fault
from auth_server.clients.sign_in_metadata import PAIRWISE, PUBLIC
from auth_server.outbound.addresses import url_fault
from auth_server.protocol.client import LINKS, Client
from auth_server.protocol.errors import InvalidClientMetadata, InvalidRedirectUri
from auth_server.protocol.scope import UNOWNED
from shared import jose, scope

GRANTS: Final = frozenset({"authorization_code", "refresh_token", DEVICE_CODE})
SHARED_SECRETS: Final = frozenset({"client_secret_basic", "client_secret_post"})
METHODS: Final = SHARED_SECRETS | {"none", PRIVATE_KEY_JWT}
_MOST_URIS: Final = 10
_MOST_URI: Final = 2_048
_MOST_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class Offer:
    """What this server offers to clients that describe themselves: scopes of its resources, and algorithms."""

    scopes: frozenset[str]
    algorithms: Collection[str]


def read_description(
    document: Mapping[str, Any], client_id: str, offer: Offer, *, methods: Collection[str] = METHODS, method: str
) -> Client:
    """Return the client that a document describes.

    Args:
        client_id: its name, which is never the document's to choose.
        methods: the ways it may prove itself; `method` is the one when the document names none.

    Raises:
        InvalidRedirectUri: a redirect URI is not one to redirect to, or the code grant has none.
        InvalidClientMetadata: another member is malformed, or not what a client may choose for itself.
    """
    grants = _grants(document)
    redirect_uris = _uris(document, "redirect_uris")
    if "authorization_code" in grants and not redirect_uris:
        raise InvalidRedirectUri("redirect_uris is missing")
    chosen = _method(document, methods, method)
    jwks, jwks_uri = _keys(document, chosen)
    _check_algorithms(document, offer)
    return Client(
        client_id=client_id,
        name=_name(document, client_id),
        auth_method=chosen,
        grants=grants,
        scope=_scope(document, offer),
        redirect_uris=redirect_uris,
        post_logout_redirect_uris=_uris(document, "post_logout_redirect_uris"),
        signing_alg=_text(document, "id_token_signed_response_alg"),
        subject_type=_subject_type(document),
        backchannel_logout_uri=_link(document, "backchannel_logout_uri"),
        backchannel_logout_session_required=document.get("backchannel_logout_session_required") is True,
        requires_pushed_requests=document.get("require_pushed_authorization_requests") is True,
        jwks=jwks,
        jwks_uri=jwks_uri,
        is_unverified=True,
        **_links(document),
    )


def described(client: Client) -> dict[str, object]:
    """Return the registered members of a client, as RFC 7591 section 2 calls them."""
    members: dict[str, object] = {
        "client_id": client.client_id,
        "client_name": client.name,
        "redirect_uris": list(client.redirect_uris),
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "grant_types": sorted(client.grants),
        "response_types": ["code"] if "authorization_code" in client.grants else [],
        "token_endpoint_auth_method": client.auth_method,
        "scope": scope.format(client.scope),
        "subject_type": client.subject_type,
        "require_pushed_authorization_requests": client.requires_pushed_requests,
        "jwks_uri": client.jwks_uri,
        "jwks": json.loads(client.jwks) if client.jwks else None,
        "id_token_signed_response_alg": client.signing_alg,
        "backchannel_logout_uri": client.backchannel_logout_uri,
        **{name: getattr(client, name) for name in LINKS},
    }
    return {name: value for name, value in members.items() if value is not None and value != []}


def _grants(document: Mapping[str, Any]) -> frozenset[str]:
    grants = frozenset(_words(document, "grant_types") or ("authorization_code",))
    if unknown := sorted(grants - GRANTS):
        raise InvalidClientMetadata(f"grant_types may hold {', '.join(sorted(GRANTS))} alone", detail=str(unknown[:3]))
    if not set(_words(document, "response_types") or ()) <= {"code"}:
        raise InvalidClientMetadata("response_types may hold code alone")
    if DEVICE_CODE in grants and document.get("subject_type") == PAIRWISE:
        raise InvalidClientMetadata("the device grant and pairwise subjects exclude each other")
    return grants


def _method(document: Mapping[str, Any], methods: Collection[str], default: str) -> str:
    chosen = _text(document, "token_endpoint_auth_method") or default
    if chosen not in methods:
        raise InvalidClientMetadata(f"token_endpoint_auth_method may be {', '.join(sorted(methods))} alone")
    return chosen


def _subject_type(document: Mapping[str, Any]) -> str:
    subject_type = _text(document, "subject_type") or PUBLIC
    if subject_type not in (PUBLIC, PAIRWISE) or "sector_identifier_uri" in document:
        raise InvalidClientMetadata("subject_type is public or pairwise, without a sector_identifier_uri")
    return subject_type


def _keys(document: Mapping[str, Any], method: str) -> tuple[str | None, str | None]:
    jwks, jwks_uri = document.get("jwks"), _link(document, "jwks_uri")
    if jwks is not None and jwks_uri is not None:
        raise InvalidClientMetadata("jwks and jwks_uri exclude each other")
    text = None if jwks is None else json.dumps(jwks, separators=(",", ":"))
    if text is not None and (fault := jwks_fault(text)):
        raise InvalidClientMetadata("jwks is no set of public keys that could be used", detail=fault)
    if method == PRIVATE_KEY_JWT and text is None and jwks_uri is None:
        raise InvalidClientMetadata("private_key_jwt needs jwks or jwks_uri")
    return text, jwks_uri


def _check_algorithms(document: Mapping[str, Any], offer: Offer) -> None:
    if _text(document, "id_token_signed_response_alg") not in (None, *offer.algorithms):
        raise InvalidClientMetadata(f"id_token_signed_response_alg may be {', '.join(sorted(offer.algorithms))} alone")
    if _text(document, "token_endpoint_auth_signing_alg") not in (None, *jose.ALGORITHMS):
        raise InvalidClientMetadata(f"token_endpoint_auth_signing_alg may be {', '.join(sorted(jose.ALGORITHMS))} alone")
    for name in ("userinfo_signed_response_alg", "id_token_encrypted_response_alg", "request_object_signing_alg"):
        if name in document:
            raise InvalidClientMetadata(f"{name} is not supported")


def _scope(document: Mapping[str, Any], offer: Offer) -> frozenset[str]:
    """Return what was asked for, cut to what there is (RFC 7591 section 2 lets the server choose); nothing asked means all of it.

    A person still consents to each, and scopes that ask for a permission are granted to people who have it.
    """
    offered = offer.scopes | UNOWNED
    text = _text(document, "scope")
    if text is None:
        return offered
    try:
        return scope.parse(text) & offered
    except ValueError as error:
        raise InvalidClientMetadata("scope is malformed") from error


def _name(document: Mapping[str, Any], client_id: str) -> str:
    name = _text(document, "client_name") or client_id
    if len(name) > max(_MOST_NAME, len(client_id)) or not name.isprintable() or not name.strip():
        raise InvalidClientMetadata(f"client_name is at most {_MOST_NAME} printable characters")
    return name.strip()


def _uris(document: Mapping[str, Any], member: str) -> tuple[str, ...]:
    uris = _words(document, member) or ()
    if len(uris) > _MOST_URIS:
        raise InvalidRedirectUri(f"{member} holds at most {_MOST_URIS}")
    for uri in uris:
        fault = "is too long" if len(uri) > _MOST_URI else redirect_uri_fault(uri)
        if fault:
            raise InvalidRedirectUri(f"a redirect URI {fault}")
    return uris


def _link(document: Mapping[str, Any], member: str) -> str | None:
    uri = _text(document, member)
    if uri is not None and (fault := url_fault(uri)):
        raise InvalidClientMetadata(f"{member} {fault}")
    return uri


def _links(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _link(document, name) for name in LINKS}


def _text(document: Mapping[str, Any], member: str) -> str | None:
    value = document.get(member)
    if value is not None and (not isinstance(value, str) or not value):
        raise InvalidClientMetadata(f"{member} must be a text")
    return value


def _words(document: Mapping[str, Any], member: str) -> tuple[str, ...] | None:
    value = document.get(member)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(word, str) and word and " " not in word for word in value):
        raise InvalidClientMetadata(f"{member} must be a list of texts")
    return tuple(dict.fromkeys(value))
