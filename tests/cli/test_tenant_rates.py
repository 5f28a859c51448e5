"""How rates of tenants are written."""

from __future__ import annotations

import pytest
from spanhouse_cli.tenant_rates import TenantRate, TenantRates

KIND = TenantRates()


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("", ()),
        ("*=5MiB/s,20000spans/s", (TenantRate("*", 5 << 20, 20_000),)),
        (
            "acme=100spans/s\n beta=1MB/s  gamma=unlimited",
            (TenantRate("acme", None, 100), TenantRate("beta", 10**6, None), TenantRate("gamma")),
        ),
    ],
)
def test_rates_are_read_and_shown_as_they_are_written(text: str, rates: tuple[TenantRate, ...]) -> None:
    assert KIND.parse(text) == rates
    assert KIND.show(rates) == " ".join(text.split())
    assert KIND.parse(KIND.show(rates)) == rates


@pytest.mark.parametrize(
    "text",
    ["acme", "=1MB/s", "acme=", "acme=1MB", "acme=20/s,1MB/s", "acme=0spans/s", "a/b=1MB/s", "acme=1MB/s acme=2MB/s",
     "acme=1spans/s,2spans/s", "acme=-1spans/s", "acme=unlimited,1MB/s", "_x=1MB/s"],
)  # fmt: skip
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a|twice|tenant"):
        KIND.parse(text)
