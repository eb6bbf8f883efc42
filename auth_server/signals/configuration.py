"""What a receiver sends about a stream, read and judged: pure (Shared Signals Framework 1.0 sections 8.1.1 and 8.1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from auth_server.outbound.addresses import parse_url
from auth_server.protocol.errors import ApiError
from auth_server.protocol.security_event import EVENTS, POLL, PUSH, STATUSES

_MAX_HEADER: Final = 2_048
_MAX_TEXT: Final = 512
_MAX_EVENTS: Final = 64


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a receiver wants to be told; `authorization` is the header that it wants to see."""

    method: str = POLL
    url: str | None = None
    authorization: str | None = field(default=None, repr=False)


def delivery_of(document: Mapping[str, Any]) -> Delivery:
    """Return the `delivery` of a configuration; poll where there is none (section 8.1.1.1).

    Raises:
        ApiError: 400.
    """
    given = document.get("delivery")
    if given is None:
        return Delivery()
    if not isinstance(given, dict):
        raise _invalid("delivery must be an object")
    method = given.get("method")
    if method == POLL:
        return Delivery()
    if method != PUSH:
        raise _invalid(f"delivery.method must be {PUSH} or {POLL}")
    url, authorization = given.get("endpoint_url"), given.get("authorization_header")
    try:
        parse_url(url if isinstance(url, str) else "")
    except ValueError as error:
        raise _invalid("delivery.endpoint_url must be an https URL") from error
    if authorization is not None and not _is_header(authorization):
        raise _invalid("delivery.authorization_header must be printable ASCII")
    return Delivery(PUSH, url, authorization)


def events_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the events that are asked for and that there are; all of them where none are named.

    Raises:
        ApiError: 400.
    """
    named = document.get("events_requested")
    if named is None:
        return EVENTS
    if not isinstance(named, list) or len(named) > _MAX_EVENTS or not all(isinstance(name, str) for name in named):
        raise _invalid("events_requested must be a list of event types")
    return tuple(event for event in EVENTS if event in named)


def text_of(document: Mapping[str, Any], name: str) -> str | None:
    """Return a short text; None when there is none.

    Raises:
        ApiError: 400.
    """
    value = document.get(name)
    if value is not None and (not isinstance(value, str) or len(value) > _MAX_TEXT):
        raise _invalid(f"{name} must be a text of at most {_MAX_TEXT} characters")
    return value


def stream_id_of(document: Mapping[str, Any]) -> str:
    """Return which stream it is about.

    Raises:
        ApiError: 400.
    """
    value = text_of(document, "stream_id")
    if not value:
        raise _invalid("stream_id is missing")
    return value


def status_of(document: Mapping[str, Any]) -> str:
    """Return the status that is asked for.

    Raises:
        ApiError: 400.
    """
    status = document.get("status")
    if status not in STATUSES:
        raise _invalid(f"status must be one of {', '.join(STATUSES)}")
    return str(status)


@dataclass(frozen=True, slots=True)
class PollRequest:
    """What a receiver asks and acknowledges (RFC 8936 section 2.2)."""

    most: int
    at_once: bool
    taken: tuple[str, ...]
    refused: Mapping[str, str]

    @classmethod
    def parse(cls, document: Mapping[str, Any], bound: int) -> PollRequest:
        """Read one.

        Raises:
            ApiError: 400.
        """
        most, at_once = document.get("maxEvents", bound), document.get("returnImmediately", False)
        if not isinstance(most, int) or isinstance(most, bool) or most < 0 or not isinstance(at_once, bool):
            raise _invalid("maxEvents must be a whole number, returnImmediately true or false")
        taken, refused = document.get("ack", []), document.get("setErrs", {})
        if not isinstance(taken, list) or not all(isinstance(jti, str) for jti in taken) or not isinstance(refused, dict):
            raise _invalid("ack must be a list of jti, setErrs an object")
        errors = {jti: error.get("err") if isinstance(error, dict) else None for jti, error in refused.items()}
        return cls(min(most, bound), at_once, tuple(taken), {jti: _word(error) for jti, error in errors.items()})


def _word(value: object) -> str:
    """Return an error code for the log: registered ones are short words (RFC 8935 section 2.4), and anything else is not repeated."""
    is_word = isinstance(value, str) and len(value) <= 40 and value.isascii() and value.replace("_", "").isalnum()
    return str(value) if is_word else "unreadable"


def _is_header(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_HEADER and value.isascii() and value.isprintable()


def _invalid(description: str) -> ApiError:
    return ApiError(400, "invalid_request", description)
