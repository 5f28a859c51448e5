"""How the rates of tenants are written: `*=5MiB/s,20000spans/s acme=50MiB/s beta=unlimited`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spanhouse_cli.kinds import Validated
from spanhouse_cli.units import format_size, parse_size

_UNLIMITED = "unlimited"
_EVERY_OTHER = "*"
_SPANS = re.compile(r"([0-9]{1,12})\s*spans/s")
_BYTES = re.compile(r"([0-9].*)/s")


@dataclass(frozen=True, slots=True)
class TenantRate:
    """What one tenant may send in a second; None is without limit. tenant: `*` for each that is not named."""

    tenant: str
    bytes: int | None = None
    spans: int | None = None

    def __str__(self) -> str:
        """As it is written."""
        parts = [] if self.bytes is None else [f"{format_size(self.bytes)}/s"]
        parts += [] if self.spans is None else [f"{self.spans}spans/s"]
        return f"{self.tenant}={','.join(parts) or _UNLIMITED}"


@dataclass(frozen=True, slots=True)
class TenantRates(Validated):
    """The rates of some tenants; none is an empty tuple."""

    name: str = "RATES"
    allowed: str = (
        "TENANT=RATE with blanks between them, where TENANT is a tenant or * and RATE a size and /s, a number and "
        "spans/s, both with a comma between them, or unlimited: *=5MiB/s,20000spans/s acme=50MiB/s"
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
    sizes, spans = [], []
    for part in written.split(","):
        if found := _SPANS.fullmatch(part):
            spans.append(int(found[1]))
        elif found := _BYTES.fullmatch(part):
            sizes.append(parse_size(found[1]))
        else:
            raise ValueError("not a rate")
    if len(sizes) > 1 or len(spans) > 1 or 0 in sizes + spans:
        raise ValueError("not a rate")
    return TenantRate(tenant, next(iter(sizes), None), next(iter(spans), None))
