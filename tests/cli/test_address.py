"""HOST:PORT."""

from __future__ import annotations

import pytest
from spanhouse_cli.address import Address


@pytest.mark.parametrize("text", ["127.0.0.1:4317", "localhost:0", "[::1]:65535", "otel-collector.example:4318"])
def test_an_address_reads_back_as_it_is_written(text: str) -> None:
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "4317", ":4317", "127.0.0.1", "host:65536", "host:-1", "::1:4317", "[nonsense]:1", "http://host:80"]
)
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|At least 3 parts|Expected"):
        Address.parse(text)


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.8.0.1:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("192.168.0.5:1", False),
        ("example.com:1", False),
    ],
)
def test_only_this_machine_reaches_a_loopback_address(text: str, loopback: bool) -> None:
    assert Address.parse(text).is_loopback is loopback


@pytest.mark.parametrize(
    ("listening", "reachable"),
    [("0.0.0.0:8080", "127.0.0.1:8080"), ("[::]:8080", "[::1]:8080"), ("10.1.2.3:8080", "10.1.2.3:8080")],
)
def test_what_listens_on_every_interface_is_found_on_loopback(listening: str, reachable: str) -> None:
    assert str(Address.parse(listening).reachable) == reachable
