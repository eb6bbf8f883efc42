"""The bearer token of a request: from the Authorization header alone (RFC 6750 section 2.1, RFC 9700 section 4.3.2).

A token in the query string or the body is as if it were not there: addresses are logged, kept in histories and sent on in `Referer`.
"""

from __future__ import annotations

from collections.abc import Sequence

from resource_server.verifier.errors import InvalidRequest, NoToken


def find_token(authorization: Sequence[bytes]) -> bytes:
    """Return the token in the values of all Authorization headers of a request.

    Raises:
        NoToken: no header, or another scheme.
        InvalidRequest: several headers; a Bearer scheme without exactly one word after it.
    """
    if not authorization:
        raise NoToken
    if len(authorization) > 1:
        # Two parsers would choose differently, so neither choice is taken.
        raise InvalidRequest("several Authorization headers")
    scheme, _, rest = authorization[0].partition(b" ")
    if scheme != b"Bearer" and scheme.lower() != b"bearer":  # nearly always spelled so
        raise NoToken("another scheme than Bearer")
    if not rest or b" " in rest:
        rest = rest.strip(b" ")
        if not rest or b" " in rest:
            raise InvalidRequest("not exactly one word after the scheme")
    return rest
