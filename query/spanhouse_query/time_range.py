"""Instants, durations and time ranges as they come in URLs. Everything is integer nanoseconds, UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 604_800_000_000_000,
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h|d|w)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")
_NUMBER = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,9})?")
_RELATIVE = re.compile(r"now(?:([+-])(.+))?")
_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+ -]\d\d:\d\d)",
    re.ASCII,
)
# What a 64-bit count of nanoseconds reaches: the year 2262.
LATEST = (1 << 63) - 1
# Nothing stored is dated later: the engine's minutes end with 32 bits of seconds, in February 2106.
LAST_STORED = int(datetime(2106, 1, 1, tzinfo=UTC).timestamp()) * UNITS["s"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

INSTANT_FORMS = (
    "RFC 3339 (2026-01-31T12:00:00Z), unix time in s, ms, us or ns, or relative to now (now, now-15m) "
    "between 1970 and 2262"
)
DURATION_FORMS = "a number with a unit of ns, us, ms, s, m, h, d or w (500us, 1.5s, 1h30m)"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Nanoseconds since 1970: `start` included, `end` not."""

    start: int
    end: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.start) / UNITS["s"]

    def seconds_until(self, now: int) -> float:
        """How long the part of it is that has passed at `now`; of a range that is yet to come, all of it."""
        end = min(self.end, now) if now > self.start else self.end
        return (end - self.start) / UNITS["s"]

    def aligned(self, step: int) -> TimeRange:
        """The smallest range around this one whose ends are whole multiples of `step` nanoseconds since 1970."""
        return TimeRange(self.start // step * step, -(-self.end // step) * step)


def parse_duration(text: str) -> int:
    """Nanoseconds of `1.5s` or `1h30m`. Raises ValueError that says what is allowed."""
    if not _DURATION.fullmatch(text):
        raise ValueError(f"expected {DURATION_FORMS}")
    duration = sum(int(Decimal(number) * UNITS[unit]) for number, unit in _PART.findall(text))
    if duration > LATEST:
        raise ValueError("a duration can be at most 292 years")
    return duration


def parse_instant(text: str, now: int) -> int:
    """Nanoseconds since 1970 of an instant in one of INSTANT_FORMS. Raises ValueError that says what is allowed."""
    if relative := _RELATIVE.fullmatch(text):
        sign, offset = relative.groups()
        shift = parse_duration(offset) if offset else 0
        instant = now - shift if sign == "-" else now + shift
    elif _NUMBER.fullmatch(text):
        instant = _from_number(text)
    elif absolute := _RFC_3339.fullmatch(text):
        instant = _from_rfc_3339(*absolute.groups())
    else:
        raise ValueError(f"expected {INSTANT_FORMS}")
    if not 0 <= instant <= LATEST:
        raise ValueError(f"out of range: expected {INSTANT_FORMS}")
    return instant


def _from_number(text: str) -> int:
    """The unit by magnitude: seconds reach the year 5138 before they look like milliseconds, and so on."""
    number = Decimal(text)
    for limit, scale in ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3)):
        if number < limit:
            return int(number * scale)
    return int(number)


def _from_rfc_3339(day: str, clock: str, fraction: str | None, offset: str) -> int:
    """A `+` that was not escaped in a URL arrives as a space and is read as what it was."""
    zone = "+00:00" if offset in "Zz" else offset.replace(" ", "+")
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{zone}")
    except ValueError as error:
        raise ValueError(f"{error}; expected {INSTANT_FORMS}") from None
    elapsed = moment - _EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * UNITS["s"] + int((fraction or "").ljust(9, "0"))
