"""What others can do who reach an address: said at every start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from spanhouse_cli.address import parse_place
from spanhouse_cli.settings import Settings


def exposures(settings: Settings, addresses: Mapping[str, str]) -> Iterator[str]:
    """A warning for each address, by option, that other machines reach without a key or without encryption."""
    for option, address in addresses.items():
        lacking = list(_lacking(settings, option))
        if lacking and not parse_place(address).is_loopback:
            yield f"{option} listens on {address}: other machines reach it, and {' and '.join(lacking)}"


def _lacking(settings: Settings, option: str) -> Iterator[str]:
    if settings.tls_client_ca is None and option == "http":
        yield "it asks nobody for a password (tls_client_ca would ask for a certificate)"
    if settings.tls_client_ca is None and option != "http" and settings.keys_file is None:
        yield "it asks nobody for a key (keys_file would)"
    if settings.tls_cert is None:
        yield "what is sent can be read on the way (tls_cert would encrypt it)"
