"""The calls of the Shared Signals transmitter, for the table of operations (`operations.py`)."""

from __future__ import annotations

from typing import Final

from auth_server.api.operation import Auth, Operation
from shared import well_known

_TAG: Final = "shared signals"
_STREAMS, _STATUS, _POLL = "/ssf/streams", "/ssf/status", "/ssf/poll/{stream_id}"
_OWN: Final = {400: "Error", 401: "Error", 403: "Error"}
_ONE: Final = _OWN | {404: "Error"}

SIGNAL_OPERATIONS: Final = (
    Operation("GET", well_known.SSF_CONFIGURATION, _TAG, "Metadata of the transmitter", {200: "SignalMetadata"}),
    Operation(
        "POST",
        _STREAMS,
        _TAG,
        "Make a stream",
        {201: "SignalStream", **_OWN, 409: "Error"},
        Auth.CLIENT,
        body="SignalStreamConfiguration",
    ),
    Operation(
        "GET",
        _STREAMS,
        _TAG,
        "One stream, or all of one's own",
        {200: "SignalStream SignalStreams", **_ONE},
        Auth.CLIENT,
        "stream_id",
    ),
    Operation(
        "PATCH", _STREAMS, _TAG, "Change a stream", {200: "SignalStream", **_ONE}, Auth.CLIENT, body="SignalStreamConfiguration"
    ),
    Operation(
        "PUT", _STREAMS, _TAG, "Replace a stream", {200: "SignalStream", **_ONE}, Auth.CLIENT, body="SignalStreamConfiguration"
    ),
    Operation("DELETE", _STREAMS, _TAG, "Delete the stream that the query names", {204: "", **_ONE}, Auth.CLIENT),
    Operation("GET", _STATUS, _TAG, "The status of a stream", {200: "SignalStatus", **_ONE}, Auth.CLIENT, "stream_id*"),
    Operation(
        "POST", _STATUS, _TAG, "Set the status of a stream", {200: "SignalStatus", **_ONE}, Auth.CLIENT, body="SignalStatus"
    ),
    Operation(
        "POST",
        "/ssf/verify",
        _TAG,
        "Have a verification event sent",
        {204: "", **_ONE, 429: "Error"},
        Auth.CLIENT,
        body="SignalVerification",
    ),
    Operation(
        "POST",
        _POLL,
        _TAG,
        "Fetch and acknowledge events (RFC 8936)",
        {200: "SignalSets", **_ONE, 503: "Error"},
        Auth.CLIENT,
        body="SignalPoll",
    ),
)
