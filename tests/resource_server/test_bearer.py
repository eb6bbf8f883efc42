"""Where a token may stand."""

from __future__ import annotations

import pytest

from resource_server.bearer import find_token
from resource_server.verifier.errors import InvalidRequest, NoToken


@pytest.mark.parametrize("value", [b"Bearer a.b.c", b"bearer a.b.c", b"BEARER a.b.c", b"bEaReR  a.b.c"])
def test_the_scheme_is_taken_in_any_case(value: bytes) -> None:
    assert find_token([value]) == b"a.b.c"


@pytest.mark.parametrize(
    "values", [[], [b"Basic YTpi"], [b"DPoP a.b.c"], [b""], [b"a.b.c"], [b"Bearera.b.c"], [b"Bearer\ta.b.c"]]
)
def test_no_credentials_of_ours_are_no_token(values: list[bytes]) -> None:
    with pytest.raises(NoToken):
        find_token(values)


@pytest.mark.parametrize(
    "values",
    [
        [b"Bearer"],
        [b"Bearer "],
        [b"Bearer  "],
        [b"Bearer a b"],
        [b"Bearer a, Bearer b"],
        [b"Bearer a", b"Bearer a"],
        [b"Bearer a", b"Basic b"],
    ],
)
def test_ambiguous_credentials_are_an_invalid_request(values: list[bytes]) -> None:
    with pytest.raises(InvalidRequest):
        find_token(values)
