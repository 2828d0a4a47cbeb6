"""A registered URL leads nowhere but to the public Internet, however it is written."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest

from common.outbound import public
from gateway.errors import AddressRefused
from gateway.reach import addresses
from gateway.reach.errors import Unreached


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "//example.com",
        "example.com",
        "https://user:secret@example.com/",
        "https://example.com/?q=1",
        "https://example.com/#x",
        "https://example.com:0/",
        "https://example.com:port/",
        "https://exa mple.com/",
        "https://example.com/\r\nHost: other",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://0/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[fe80::1]/",
        "https://[fd00:ec2::254]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[2002:7f00:1::]/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
    ],
)
def test_a_url_that_leads_inside_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        addresses.accept(url, local=False)


@pytest.mark.parametrize("url", ["https://example.com", "https://example.com:8443/a/b", "https://8.8.8.8/"])
def test_a_url_to_a_public_host_is_accepted(url: str) -> None:
    assert addresses.accept(url, local=False).scheme == "https"


def test_a_developer_may_register_what_runs_beside() -> None:
    assert addresses.accept("http://127.0.0.1:4001/graphql", local=True).port == 4001
    with pytest.raises(AddressRefused):
        addresses.accept("gopher://127.0.0.1", local=True)


def resolving(monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
    def getaddrinfo(_host: str, port: int, **_options: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.1.2.3", "::1", "fe80::1%eth0"])
def test_a_name_that_resolves_to_the_inside_is_refused_when_it_is_called(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    resolving(monkeypatch, "93.184.215.14", address)
    with pytest.raises(Unreached, match="public"):
        addresses.resolve("rebinding.example", 443, local=False)


def test_the_address_that_was_judged_is_the_one_that_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, "93.184.215.14", "93.184.215.15")
    assert addresses.resolve("example.com", 443, local=False) == "93.184.215.14"


def test_a_name_nobody_knows_is_a_service_that_cannot_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_arguments: Any, **_options: Any) -> None:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(Unreached, match="found"):
        addresses.resolve("nowhere.example", 443, local=False)


def test_every_private_block_is_inside() -> None:
    for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16"):
        network = ipaddress.ip_network(block)
        for address in (network[0], network[1], network[-1]):
            assert not public(str(address))
            assert not public(f"::ffff:{address}")
