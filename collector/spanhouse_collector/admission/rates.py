"""How fast each tenant may send: token buckets of bytes, spans and metric points.

A request is let in while its tenant is not in debt, and may put it there: so what it needs need not be known before it
is read, and none is too large for ever. On average no tenant gets more than its rate.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from spanhouse_storage.tenant import OWN_TENANT

from spanhouse_collector.admission.retry_after import Clock, retry_after
from spanhouse_collector.config import EVERY_OTHER, Rate
from spanhouse_collector.errors import Cause, RateLimited

# What a tenant that was silent may send at once, in seconds of its rate. Exporters gather for five.
BURST = 10.0
# Names can be invented. So many are told apart at once; further ones share one rate until some have paid their debt.
_MOST_TENANTS = 10_000
_OTHERS = ""
_UNLIMITED = Rate()


@dataclass(slots=True)
class _Account:
    """Until when what was sent takes at its rate; in the past for a full bucket."""

    bytes: float
    spans: float
    points: float

    @property
    def until(self) -> float:
        return max(self.bytes, self.spans, self.points)


class Rates:
    """Who has sent how much. rates: by tenant, under `EVERY_OTHER` that of each tenant that is not named."""

    def __init__(self, rates: Mapping[str, Rate], clock: Clock = time.monotonic) -> None:
        self._rates = {**rates, OWN_TENANT: _UNLIMITED}
        self._clock = clock
        self._accounts: dict[str, _Account] = {}
        self._cleared = clock()

    def admit(self, tenant: str) -> None:
        """Raises RateLimited, with the time until the debt is paid, where the tenant is in debt."""
        account = self._accounts.get(self._name(tenant))
        wait = account.until - self._clock() - BURST if account is not None else 0.0
        if wait > 0:
            raise RateLimited(f"tenant {tenant} sends faster than tenant_rates allows", retry_after(wait), Cause.RATE)

    def charge(self, tenant: str, *, size: int = 0, spans: int = 0, points: int = 0) -> None:
        """Take bytes, spans and metric points from what the tenant may send."""
        rate = self._rates.get(tenant) or self._rates.get(EVERY_OTHER, _UNLIMITED)
        if rate == _UNLIMITED:
            return
        now = self._clock()
        account = self._accounts.setdefault(self._name(tenant), _Account(now, now, now))
        if rate.bytes is not None:
            account.bytes = max(account.bytes, now) + size / rate.bytes
        if rate.spans is not None:
            account.spans = max(account.spans, now) + spans / rate.spans
        if rate.points is not None:
            account.points = max(account.points, now) + points / rate.points

    def _name(self, tenant: str) -> str:
        """Under which name a tenant's account is kept."""
        if tenant in self._accounts or tenant in self._rates:
            return tenant
        if len(self._accounts) >= _MOST_TENANTS:
            self._forget_full()
        return tenant if len(self._accounts) < _MOST_TENANTS else _OTHERS

    def _forget_full(self) -> None:
        """An account whose bucket is full again is like none; looked for once a second at most."""
        now = self._clock()
        if now >= self._cleared + 1:
            self._cleared = now
            for name in [name for name, account in self._accounts.items() if account.until <= now]:
                del self._accounts[name]
