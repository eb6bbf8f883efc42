"""Which addresses count as one place."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from auth_server.rate_limits.addresses import place_of


@pytest.mark.parametrize(
    "address, place",
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2ff:3:4:5:6", "2001:db8:1:200::/56"),
        ("fe80::1%eth0", "fe80::/56"),
        ("testclient", "testclient"),
        ("", ""),
        ("x" * 1_000, "x" * 64),
    ],
)
def test_an_address_belongs_to_its_network(address: str, place: str) -> None:
    assert place_of(address) == place


@given(st.ip_addresses())
def test_whoever_moves_within_his_network_stays_in_one_place(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assume(address.version == 4 or address.ipv4_mapped is None)
    bits = 8 if address.version == 4 else 72
    neighbour = type(address)(int(address) ^ ((1 << bits) - 1))

    assert place_of(str(address)) == place_of(str(neighbour))


@given(st.ip_addresses(v=4))
def test_a_place_is_itself_in_that_place(address: ipaddress.IPv4Address) -> None:
    network = ipaddress.ip_network(place_of(str(address)))

    assert address in network
    assert place_of(str(network.network_address)) == str(network)
