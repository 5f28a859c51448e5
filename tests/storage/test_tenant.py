"""Names of tenants."""

from __future__ import annotations

import pytest
from spanhouse_storage.tenant import tenant_of


@pytest.mark.parametrize(
    ("header", "tenant"),
    [(None, "default"), ("", "default"), ("acme", "acme"), (" a-b_c.1 ", "a-b_c.1"), ("_spanhouse", "_spanhouse")],
)
def test_the_header_names_the_tenant(header: str | None, tenant: str) -> None:
    assert tenant_of(header) == tenant


@pytest.mark.parametrize("header", ["_other", "-a", "a b", "a/b", "a,b", "é", "a" * 65, "  ", "a\nb"])
def test_a_name_that_cannot_be_one_is_told_with_what_is_allowed(header: str) -> None:
    with pytest.raises(ValueError, match=r"in X-Scope-OrgID: allowed are 1 to 64"):
        tenant_of(header)
