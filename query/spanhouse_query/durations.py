"""Durations for people."""

from __future__ import annotations


def shown_duration(nanoseconds: int | None) -> str:
    """Three digits and a unit; a dash for none."""
    if nanoseconds is None:
        return "-"
    for unit, size in (("s", 10**9), ("ms", 10**6), ("µs", 10**3)):
        if nanoseconds >= 0.9995 * size:
            return (
                f"{nanoseconds / size:.3g} {unit}" if nanoseconds < 999.5 * size else f"{nanoseconds / size:.0f} {unit}"
            )
    return f"{nanoseconds} ns"
