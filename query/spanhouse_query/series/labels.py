"""What tells one series from another: names with values, of which an empty one is the same as none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

NAME = "__name__"

Labels: TypeAlias = Mapping[str, str]
Identity: TypeAlias = tuple[tuple[str, str], ...]
LabelKey: TypeAlias = Callable[[Labels], Labels]


def identity(labels: Labels) -> Identity:
    """The same for the same labels in any order; can be a key."""
    return tuple(sorted(labels.items()))


def only(names: Iterable[str]) -> LabelKey:
    """Labels but for those that are not in `names`: what `by (…)` and `on (…)` keep."""
    wanted = tuple(dict.fromkeys(names))
    return lambda labels: {name: labels[name] for name in wanted if name in labels}


def without(names: Iterable[str]) -> LabelKey:
    """Labels but for those in `names` and the metric's name: what `without (…)` and `ignoring (…)` keep."""
    dropped = {NAME, *names}
    return lambda labels: {name: value for name, value in labels.items() if name not in dropped}


unnamed: LabelKey = without(())
