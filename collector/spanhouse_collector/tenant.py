"""Whose data a request carries."""

from __future__ import annotations

import re

from spanhouse_collector.errors import Malformed

HEADER = "x-scope-orgid"
DEFAULT = "default"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}|_spanhouse")


def tenant_of(header: str | None) -> str:
    """The tenant that the header names, `default` without one. Raises Malformed for a name that is not allowed."""
    name = (header or DEFAULT).strip()
    if not _NAME.fullmatch(name):
        raise Malformed(f"tenant {name!r:.80} in X-Scope-OrgID: allowed are 1 to 64 letters, digits, '_', '.' and '-'")
    return name
