"""Where a request may go."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.outbound.addresses import is_public, parse_url, url_fault

PRIVATE = [
    *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1"),
    *("169.254.169.254", "100.64.0.1", "100.127.255.255", "224.0.0.1", "239.255.255.255", "255.255.255.255", "240.0.0.1"),
    *("192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "192.0.0.8"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "ff02::1", "fec0::1", "2001:db8::1", "100::1"),
    # An IPv4 address in the clothes of an IPv6 one: mapped, compatible, NAT64 (both prefixes), 6to4, Teredo.
    *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808"),
    *("64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
    *("", "localhost", "127.1", "0x7f000001", "017700000001", "8.8.8.8/32"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_no_private_or_special_address_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "172.32.0.1"])
def test_an_address_of_the_open_internet_is_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_whatever_carries_an_ipv4_address_is_refused(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    for prefix in (0, 0xFFFF << 32, 0x64FF9B << 96):
        assert not is_public(str(ipaddress.IPv6Address(prefix | number)))
    assert not is_public(str(ipaddress.IPv6Address((0x2002 << 112) | (number << 80) | 1)))


@pytest.mark.parametrize(
    "url",
    [
        *("http://a.example/", "file:///etc/passwd", "ftp://a.example/", "gopher://a.example/", "data:application/json,{}"),
        *("https://a.example:8443/", "https://a.example:80/", "https://a.example:0/", "https://user@a.example/"),
        *("https://u:p@a.example/", "https://a.example/#f", "https://a.example/#", "https:///x", "https://", "//a.example/"),
        *("https://a.example\\@b.example/", "https://a.example/\r\nX: y", "https://a.example/ x", "https://a.example/\x00"),
        *("https://é.example/", "https://a.example:99999/", "https://[::1", "https://a.example/" + "x" * 2_048, ""),
    ],
)
def test_no_other_url_is_asked_for(url: str) -> None:
    with pytest.raises(ValueError):
        parse_url(url)
    assert url_fault(url) is not None


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "169.254.169.254", "[fd00::1]", "localhost", "x.localhost", "db", "a.internal", "b.local"]
)
def test_a_registration_with_a_private_host_is_told_so(host: str) -> None:
    assert url_fault(f"https://{host}/jwks") is not None


def test_a_public_url_has_no_fault() -> None:
    assert url_fault("https://a.example:443/jwks?x=1") is None
    assert parse_url("https://A.example:443/jwks?x=1").path == "/jwks?x=1"
    assert parse_url("https://A.example").host == "a.example"
