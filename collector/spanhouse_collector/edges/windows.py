"""Units of time of the service map's rollups, in windows that one statement computes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# A tenant and the start of the unit, unix seconds.
Unit = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Window:
    """Some units of one tenant: `starts`, ascending, all of them in [since, until). Unix seconds."""

    tenant: str
    starts: list[int]
    until: int

    @property
    def since(self) -> int:
        """Where the first unit starts."""
        return self.starts[0]


def windows(units: Iterable[Unit], length: int, longest: int) -> list[Window]:
    """Units of `length` seconds, in order, in as few windows as there can be of at most `longest` seconds."""
    found: list[Window] = []
    for tenant, start in units:
        end = start + length
        if found and found[-1].tenant == tenant and end - found[-1].since <= longest:
            found[-1] = Window(tenant, [*found[-1].starts, start], end)
        else:
            found.append(Window(tenant, [start], end))
    return found
