"""Whose data it is: every span belongs to one tenant, whose name comes with each request."""

from __future__ import annotations

import re

TENANT_HEADER = "X-Scope-OrgID"
DEFAULT_TENANT = "default"
# The tenant of Spanhouse's own traces; no other name begins like this.
OWN_TENANT = "_spanhouse"

_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,63}}|{OWN_TENANT}")


def tenant_of(header: str | None) -> str:
    """The tenant that the header names, the default one without it. Raises ValueError for a name that cannot be one."""
    name = (header or DEFAULT_TENANT).strip()
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"tenant {name!r:.80} in {TENANT_HEADER}: allowed are 1 to 64 letters, digits, '_', '.' and '-', the first "
            "a letter or digit"
        )
    return name
