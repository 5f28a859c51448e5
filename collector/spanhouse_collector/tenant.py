"""Whose data a request carries."""

from __future__ import annotations

from spanhouse_storage import tenant
from spanhouse_storage.tenant import TENANT_HEADER

from spanhouse_collector.errors import Malformed

HEADER = TENANT_HEADER.lower()  # as gRPC metadata has it


def tenant_of(header: str | None) -> str:
    """The tenant that the header names, `default` without one. Raises Malformed for a name that is not allowed."""
    try:
        return tenant.tenant_of(header)
    except ValueError as error:
        raise Malformed(str(error)) from error
