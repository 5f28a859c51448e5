"""How the rates of tenants are written: `*=5MiB/s,20000spans/s acme=50MiB/s,100000points/s beta=unlimited`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spanhouse_cli.kinds import Validated
from spanhouse_cli.units import format_size, parse_size

_UNLIMITED = "unlimited"
_EVERY_OTHER = "*"
_ITEMS = re.compile(r"([0-9]{1,12})\s*(spans|points)/s")
_BYTES = re.compile(r"([0-9].*)/s")


@dataclass(frozen=True, slots=True)
class TenantRate:
    """What one tenant may send in a second; None is without limit. tenant: `*` for each that is not named."""

    tenant: str
    bytes: int | None = None
    spans: int | None = None
    points: int | None = None

    def __str__(self) -> str:
        """As it is written."""
        parts = [] if self.bytes is None else [f"{format_size(self.bytes)}/s"]
        parts += [] if self.spans is None else [f"{self.spans}spans/s"]
        parts += [] if self.points is None else [f"{self.points}points/s"]
        return f"{self.tenant}={','.join(parts) or _UNLIMITED}"


@dataclass(frozen=True, slots=True)
class TenantRates(Validated):
    """The rates of some tenants; none is an empty tuple."""

    name: str = "RATES"
    allowed: str = (
        "TENANT=RATE with blanks between them, where TENANT is a tenant or * and RATE a size and /s, a number and "
        "spans/s or points/s, several with commas between them, or unlimited: *=5MiB/s,20000spans/s acme=50MiB/s"
    )

    def parse(self, text: str) -> tuple[TenantRate, ...]:
        """See Kind."""
        rates = tuple(_rate(*entry.partition("=")[::2]) for entry in text.split())
        if len({rate.tenant for rate in rates}) < len(rates):
            raise ValueError("a tenant is named twice")
        return rates

    def show(self, value: tuple[TenantRate, ...]) -> str:
        """See Kind."""
        return " ".join(map(str, value))


def _rate(tenant: str, written: str) -> TenantRate:
    from spanhouse_storage.tenant import tenant_of

    if tenant != _EVERY_OTHER and (not tenant or tenant_of(tenant) != tenant):
        raise ValueError("not a tenant")
    if written == _UNLIMITED:
        return TenantRate(tenant)
    rates: dict[str, int] = {}
    for part in written.split(","):
        name, rate = _part(part)
        if name in rates or not rate:
            raise ValueError("not a rate")
        rates[name] = rate
    return TenantRate(tenant, **rates)


def _part(written: str) -> tuple[str, int]:
    """Of what it is a rate, and how much."""
    if found := _ITEMS.fullmatch(written):
        return found[2], int(found[1])
    if found := _BYTES.fullmatch(written):
        return "bytes", parse_size(found[1])
    raise ValueError("not a rate")
