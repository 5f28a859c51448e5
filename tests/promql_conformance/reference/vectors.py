"""Series, elements and labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tests.promql_conformance.reference.syntax import Matcher, Refused

Labels: TypeAlias = Mapping[str, str]
Key: TypeAlias = tuple[tuple[str, str], ...]
Element: TypeAlias = tuple[Labels, float]
Vector: TypeAlias = list[Element]
Point: TypeAlias = tuple[int, float]
Matrix: TypeAlias = list[tuple[Labels, list[Point]]]

NAME = "__name__"


@dataclass(frozen=True)
class Series:
    """Samples in ascending order of milliseconds; None is a staleness marker."""

    labels: Labels
    samples: Sequence[tuple[int, float | None]]


def key(labels: Labels) -> Key:
    """What tells it from others."""
    return tuple(sorted(labels.items()))


def only(labels: Labels, names: Iterable[str]) -> dict[str, str]:
    """Those of the names that are there."""
    wanted = set(names)
    return {name: value for name, value in labels.items() if name in wanted}


def without(labels: Labels, *names: str) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name not in names}


def with_label(labels: Labels, name: str, value: str) -> dict[str, str]:
    """An empty value takes the label away."""
    changed = {**labels, name: value}
    return changed if value else without(changed, name)


def nameless(labels: Labels) -> dict[str, str]:
    return without(labels, NAME)


def distinct(vector: Vector) -> Vector:
    """The vector; Refused if two of its elements have the same labels."""
    if len({key(labels) for labels, _ in vector}) < len(vector):
        raise Refused("two elements have the same labels")
    return vector


def pattern(text: str) -> re.Pattern[str]:
    """Of RE2, where classes such as \\w are ASCII's; a point matches every character. Refused if it is none."""
    try:
        return re.compile(text, re.DOTALL | re.ASCII)
    except re.error as error:
        raise Refused(f"{text!r} is not a regular expression: {error}") from error


def fits(labels: Labels, matcher: Matcher) -> bool:
    """Regular expressions must match all of the value."""
    value = labels.get(matcher.label, "")
    if matcher.operator in ("=", "!="):
        return (value == matcher.value) == (matcher.operator == "=")
    matches = pattern(matcher.value).fullmatch(value) is not None
    return matches == (matcher.operator == "=~")
