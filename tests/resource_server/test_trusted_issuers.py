"""Several issuers behind one guard: each is judged by its own keys, and none feels another's trouble."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_server import Guard, Issuer
from resource_server.jwks.clock import boot_seconds
from resource_server.verifier import errors
from resource_server.verifier.verify import peek_issuer
from tests.resource_server.calls import counted_calls
from tests.resource_server.feeds import warm_until_told
from tests.resource_server.support import (
    AUDIENCE,
    NOW,
    Events,
    IssuerServer,
    a_header,
    a_token,
    an_issuer,
    claims,
    rs256,
    rsa_jwk,
    rsa_key,
    segment,
)


@pytest.fixture
def pair() -> Iterator[tuple[IssuerServer, IssuerServer]]:
    """Two issuers. Both call their key `one`; the keys differ."""
    with an_issuer() as first, an_issuer() as second:
        second.publish(rsa_jwk("one", rsa_key("second")))
        yield first, second


@contextmanager
def guarding(*issuers: str | Issuer | IssuerServer, **options: Any) -> Iterator[Guard]:
    named = [one.url if isinstance(one, IssuerServer) else one for one in issuers]
    guard = Guard(**{"issuer": named, "audience": AUDIENCE, "clock": lambda: NOW, "on_event": Events(), **options})
    try:
        yield guard
    finally:
        guard.close()


def of_first(issuer: IssuerServer, **members: object) -> bytes:
    return a_token(claims(iss=issuer.url, **members))


def of_second(issuer: IssuerServer, **members: object) -> bytes:
    return a_token(claims(iss=issuer.url, **members), sign=rs256(rsa_key("second")))


def test_each_issuers_tokens_pass_by_its_own_keys(pair: tuple[IssuerServer, IssuerServer]) -> None:
    first, second = pair
    with guarding(first, second) as guard:
        assert guard.verify(of_first(first, sub="a")).sub == "a"
        assert asyncio.run(guard.averify(of_second(second, sub="b"))).sub == "b"


def test_a_kid_is_looked_up_among_the_keys_of_the_tokens_own_issuer(pair: tuple[IssuerServer, IssuerServer]) -> None:
    first, second = pair
    with guarding(first, second) as guard:
        guard.warm(5)
        for crossed in (of_second(first), of_first(second)):
            with pytest.raises(errors.BadSignature):
                guard.verify(crossed)


def test_a_stranger_is_refused_before_anybody_is_asked(pair: tuple[IssuerServer, IssuerServer]) -> None:
    with guarding(*pair) as guard:
        for stranger in ("https://evil.example", pair[0].url + "/", pair[0].url.upper(), ""):
            with pytest.raises(errors.WrongIssuer):
                guard.verify(a_token(claims(iss=stranger)))
        for other in (1, [pair[0].url], None):
            with pytest.raises((errors.WrongIssuer, errors.MissingClaim)):
                guard.verify(a_token(claims(iss=other)))

    assert not pair[0].asked
    assert not pair[1].asked


def test_what_no_key_could_make_good_is_refused_before_the_payload_is_opened() -> None:
    with pytest.raises(errors.ForbiddenHeader):
        peek_issuer(a_token(b"{", a_header(b64=False)))
    with pytest.raises(errors.WrongType):
        peek_issuer(a_token(b"{", a_header(typ="JWT")))
    for payload in (b"{", b"[]", b'{"iss":"a","iss":"b"}'):
        with pytest.raises(errors.MalformedToken):
            peek_issuer(a_token(payload))


def test_an_issuer_that_is_down_takes_nobody_else_along(pair: tuple[IssuerServer, IssuerServer]) -> None:
    first, second = pair
    second.replies.clear()
    with guarding(first, second) as guard:
        first_ready = warm_until_told(guard)
        assert guard.verify(of_first(first))
        with pytest.raises(errors.KeysUnavailable):
            guard.verify(of_second(second))

        assert first_ready
        assert second.url in " ".join(first_ready.warnings)
        assert guard.issuers[first.url].outage is None
        assert second.url in (guard.issuers[second.url].outage or "")


def test_a_guard_is_not_ready_while_nobody_can_be_judged(pair: tuple[IssuerServer, IssuerServer]) -> None:
    for issuer in pair:
        issuer.replies.clear()
    with guarding(*pair) as guard:
        warm_until_told(guard)
        readiness = asyncio.run(guard.awarm(0.05))

    assert not readiness
    assert len(readiness.reasons) == 2


def test_a_flood_of_unknown_keys_at_one_issuer_costs_the_other_nothing(pair: tuple[IssuerServer, IssuerServer]) -> None:
    first, second = pair
    seconds = [boot_seconds()]
    with guarding(first, second, monotonic=lambda: seconds[0]) as guard:
        guard.warm(5)
        seconds[0] += 2
        for number in range(20):
            with pytest.raises((errors.UnknownKey, errors.KeysUnavailable)):
                guard.verify(a_token(claims(iss=first.url), a_header(kid=f"forged-{number}")))
        assert len(second.times()) == 1

        second.publish(rsa_jwk("two", rsa_key("third")))
        assert guard.verify(a_token(claims(iss=second.url), a_header(kid="two"), rs256(rsa_key("third"))))


def test_what_is_remembered_is_remembered_for_one_issuer(pair: tuple[IssuerServer, IssuerServer]) -> None:
    """The same bytes, twice: the second time from memory, and still that issuer's alone; a change of its keys ends it."""
    first, second = pair
    with guarding(first, second) as guard:
        tokens = of_first(first), of_second(second)
        for token in (*tokens, *tokens):
            guard.verify(token)

        assert [issuer.statistics()["verified_tokens"] for issuer in guard.issuers.values()] == [1, 1]
        assert guard.statistics()["verified_tokens"] == 2
        assert counted_calls(lambda: guard.verify(tokens[1])) <= 20


def test_a_refused_token_leaves_no_trace(pair: tuple[IssuerServer, IssuerServer]) -> None:
    with guarding(*pair) as guard:
        guard.warm(5)
        with pytest.raises(errors.BadSignature):
            guard.verify(of_second(pair[0]))

        assert not guard._issuers._of_token


def test_the_memory_of_whose_token_it_is_is_bounded(pair: tuple[IssuerServer, IssuerServer]) -> None:
    with guarding(*pair, cached_tokens=4) as guard:
        for number in range(20):
            guard.verify(of_first(pair[0], jti=f"{number}"))
            assert len(guard._issuers._of_token) <= 4


def test_a_token_that_comes_again_pushes_nothing_out(pair: tuple[IssuerServer, IssuerServer]) -> None:
    with guarding(*pair, cached_tokens=4) as guard:
        tokens = [
            of_first(pair[0], jti="1"),
            of_second(pair[1], jti="2"),
            of_first(pair[0], jti="3"),
            of_second(pair[1], jti="4"),
        ]
        for token in tokens * 5:
            guard.verify(token)

        assert len(guard._issuers._of_token) == 4


def test_issuers_share_out_the_memory_of_tokens_and_none_takes_anothers(pair: tuple[IssuerServer, IssuerServer]) -> None:
    first, second = pair
    with guarding(first, second, cached_tokens=8) as guard:
        guard.verify(of_second(second))
        for number in range(50):
            guard.verify(of_first(first, jti=f"{number}"))

        remembered = [issuer.statistics()["verified_tokens"] for issuer in guard.issuers.values()]
        assert remembered[0] <= 4
        assert remembered[1] == 1


def test_an_issuer_may_have_an_audience_and_algorithms_of_its_own(pair: tuple[IssuerServer, IssuerServer]) -> None:
    first, second = pair
    own = Issuer(second.url, audience=["orders"], algorithms=["PS256"])
    with guarding(first, own) as guard:
        assert guard.verify(of_first(first))
        with pytest.raises(errors.WrongAudience):
            guard.verify(of_first(first, aud="orders"))
        with pytest.raises(errors.AlgorithmNotAllowed):
            guard.verify(of_second(second, aud="orders"))
        assert guard.issuers[second.url].policy.audiences == {"orders"}


def test_an_issuer_may_be_fetched_from_another_address(pair: tuple[IssuerServer, IssuerServer]) -> None:
    first, second = pair
    second.describe(issuer="https://tenant.example.com", jwks_uri="https://tenant.example.com/jwks")
    with guarding(first, Issuer("https://tenant.example.com", metadata_url=second.url)) as guard:
        token = a_token(claims(iss="https://tenant.example.com"), sign=rs256(rsa_key("second")))

        assert guard.verify(token).sub == "alice"


def test_saved_keys_of_several_issuers_share_a_folder(pair: tuple[IssuerServer, IssuerServer], tmp_path: Path) -> None:
    first, second = pair
    with guarding(first, second, state_dir=tmp_path) as guard:
        guard.warm(5)
        guard.close()
        for issuer in guard.issuers.values():
            issuer.keys._thread.join(5)
    for server in pair:
        server.replies.clear()

    with guarding(first, second, state_dir=tmp_path) as guard:
        assert guard.verify(of_first(first))
        assert guard.verify(of_second(second))


@pytest.mark.parametrize(
    "issuers",
    [
        pytest.param([], id="none"),
        pytest.param(["https://a.example", "https://a.example"], id="twice"),
        pytest.param(["https://a.example", "http://b.example"], id="one over plain http"),
        pytest.param([Issuer("https://a.example", audience=[])], id="no audience"),
        pytest.param([Issuer("https://a.example", audience="")], id="empty audience"),
        pytest.param([Issuer("https://a.example", algorithms=["HS256"])], id="a secret's algorithm"),
    ],
)
def test_a_list_of_issuers_that_cannot_be_meant_is_an_error(issuers: list[str | Issuer]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Guard(issuer=issuers, audience=AUDIENCE)


def test_one_metadata_address_cannot_belong_to_several() -> None:
    with pytest.raises(ValueError, match="metadata_url"):
        Guard(issuer=["https://a.example", "https://b.example"], audience=AUDIENCE, metadata_url="https://c.example")


def test_the_metadata_document_names_every_issuer(pair: tuple[IssuerServer, IssuerServer]) -> None:
    with guarding(*pair) as guard:
        assert guard.metadata()["authorization_servers"] == [issuer.url for issuer in pair]


# Totality: whatever comes in, a caller or a refusal comes out.

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3))
NOBODY = Guard(issuer=["https://a.example", Issuer("https://b.example", profile="generic")], audience=AUDIENCE)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_are_refused_and_nothing_else_happens(token: bytes | str) -> None:
    with pytest.raises(errors.TokenRefused):
        NOBODY.verify(token)


@given(
    st.dictionaries(
        st.sampled_from(["alg", "typ", "kid", "jku", "crit", "x5t", "zip"]), JSON | st.sampled_from(["RS256", "JWT"])
    ),
    st.dictionaries(st.sampled_from(["iss", "sub", "exp", "aud"]), JSON) | JSON,
)
def test_any_header_and_payload_name_an_issuer_or_are_refused(header: dict[str, object], payload: object) -> None:
    token = segment(header) + b"." + segment(json.dumps(payload)) + b".AAAA"
    try:
        issuer = NOBODY._issuers.find(token, b"digest")
    except errors.TokenRefused:
        return
    assert issuer.policy.issuer == payload["iss"]  # type: ignore[index,call-overload]
