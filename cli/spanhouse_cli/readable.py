"""Sizes and ages for people to read, rounded."""

from __future__ import annotations

_SIZES = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
_AGES = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def readable_size(size: int) -> str:
    """`12.3 MiB`, `512 B`."""
    for unit, length in _SIZES:
        if size >= length:
            return f"{size / length:.1f} {unit}"
    return f"{size} B"


def readable_age(seconds: float) -> str:
    """`3 min ago`; `now` for less than a second, `in 5 s` for what is yet to come."""
    for unit, length in _AGES:
        if abs(seconds) >= length:
            amount = f"{int(abs(seconds) // length)} {unit}"
            return f"{amount} ago" if seconds > 0 else f"in {amount}"
    return "now"
