"""Sizes and durations as people write them: `10MiB`, `1GB`, `500ms`, `1m30s`."""

from __future__ import annotations

import re

_SIZE_UNITS = {
    "TiB": 1 << 40,
    "TB": 10**12,
    "GiB": 1 << 30,
    "GB": 10**9,
    "MiB": 1 << 20,
    "MB": 10**6,
    "KiB": 1 << 10,
    "kB": 10**3,
    "B": 1,
}
_DURATION_UNITS = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?i?b)?", re.IGNORECASE)
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h|d)")
_SIZE_BY_LOWER_NAME = {name.lower(): size for name, size in _SIZE_UNITS.items()}


def parse_size(text: str) -> int:
    """Bytes of `10MiB` (binary), `1GB` (decimal) or `1048576`; ValueError for anything else, or a part of a byte."""
    match = _SIZE.fullmatch(text.strip())
    unit = match and _SIZE_BY_LOWER_NAME.get((match[2] or "B").lower())
    if match is None or unit is None:
        raise ValueError("not a size")
    size = float(match[1]) * unit if "." in match[1] else int(match[1]) * unit
    if size != int(size):
        raise ValueError("not a whole number of bytes")
    return int(size)


def format_size(size: int) -> str:
    """The shortest way to write `size` exactly; `parse_size` reads it back."""
    for name, unit in _SIZE_UNITS.items():
        if size and size % unit == 0:
            return f"{size // unit}{name}"
    return "0B"


def parse_duration(text: str) -> float:
    """Seconds of `500ms`, `1.5s` or `1m30s`; ValueError for anything else, a number without a unit included."""
    parts = _DURATION_PART.findall(text.strip())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        raise ValueError("not a duration")
    return sum(float(number) * _DURATION_UNITS[unit] for number, unit in parts)


def format_duration(seconds: float) -> str:
    """`seconds` in the largest unit that needs no fraction; `parse_duration` reads it back."""
    nanoseconds = round(seconds * 1e9)
    for name, unit in _DURATION_UNITS.items():
        if nanoseconds and nanoseconds % round(unit * 1e9) == 0:
            return f"{nanoseconds // round(unit * 1e9)}{name}"
    return "0s"
