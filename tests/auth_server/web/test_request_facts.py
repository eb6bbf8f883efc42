"""Who asks: the address behind proxies of ours, and the request's identifier."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.web.request_facts import client_address, parse_networks, request_id

PROXIES = parse_networks(["10.0.0.0/8", "2001:db8::/32"])


def _address(peer: str, *forwarded: bytes) -> str:
    return client_address(peer, forwarded, PROXIES)


@pytest.mark.parametrize("forwarded", [(), (b"198.51.100.1",), (b"10.0.0.9, 198.51.100.1",)])
def test_a_strangers_header_counts_for_nothing(forwarded: tuple[bytes, ...]) -> None:
    assert _address("203.0.113.5", *forwarded) == "203.0.113.5"


def test_a_proxy_of_ours_says_who_asked_it() -> None:
    assert _address("10.0.0.1", b"198.51.100.1") == "198.51.100.1"
    assert _address("2001:db8::1", b"198.51.100.1") == "198.51.100.1"


def test_what_stands_left_of_the_first_stranger_was_written_by_him() -> None:
    assert _address("10.0.0.1", b"127.0.0.1, 198.51.100.1, 10.0.0.2") == "198.51.100.1"


def test_several_headers_are_one_list() -> None:
    assert _address("10.0.0.1", b"127.0.0.1", b"198.51.100.1, 10.0.0.2") == "198.51.100.1"


@pytest.mark.parametrize("forwarded", [b"unknown", b"", b"198.51.100.1:443", b"198.51.100.1\xff"])
def test_what_is_no_address_is_not_taken_for_one(forwarded: bytes) -> None:
    assert _address("10.0.0.1", forwarded) == "10.0.0.1"


def test_a_proxy_that_comes_over_a_dual_stack_socket_is_the_same_proxy() -> None:
    """A listener on `::` sees an IPv4 peer as an IPv4-mapped address (RFC 4291 section 2.5.5.2)."""
    assert _address("::ffff:10.0.0.1", b"198.51.100.1") == "198.51.100.1"


def test_nobody_is_trusted_unless_named() -> None:
    assert client_address("10.0.0.1", (b"198.51.100.1",), ()) == "10.0.0.1"


@given(st.lists(st.binary(max_size=60), max_size=3))
def test_the_address_is_always_an_address(forwarded: list[bytes]) -> None:
    assert parse_networks([client_address("10.0.0.1", forwarded, PROXIES)])


def test_networks_are_addresses_or_networks() -> None:
    with pytest.raises(ValueError, match="does not appear"):
        parse_networks(["proxy.example"])


@pytest.mark.parametrize("sent", [b"abcdefgh", b"A-b.c_d-0123456789", b"x" * 64])
def test_a_well_formed_identifier_is_kept(sent: bytes) -> None:
    assert request_id(sent) == sent.decode()


@pytest.mark.parametrize("sent", [None, b"", b"short", b"x" * 65, b"abcdefgh\n", b"abc defgh", b'abcdefgh"', "äbcdefgh".encode()])
def test_any_other_is_replaced(sent: bytes | None) -> None:
    made = request_id(sent)

    assert len(made) == 16
    assert made != request_id(sent)
