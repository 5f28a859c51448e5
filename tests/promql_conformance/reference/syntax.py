"""What an expression of PromQL is made of. Durations and instants are milliseconds; parentheses leave no trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias


class Refused(ValueError):
    """Not an expression, or one that has no answer: where Prometheus answers with an error."""


Instant: TypeAlias = int | Literal["start", "end"]


@dataclass(frozen=True)
class Number:
    value: float


@dataclass(frozen=True)
class Text:
    value: str


@dataclass(frozen=True)
class Matcher:
    """A label that is absent has the value ''."""

    label: str
    operator: str
    value: str


@dataclass(frozen=True)
class Shift:
    """`@` and `offset`: `at` instead of the time of the evaluation, and then `back` before it."""

    at: Instant | None = None
    back: int | None = None


@dataclass(frozen=True)
class Selector:
    """`name{…} @ … offset …`; the name is a matcher of `__name__`."""

    matchers: Sequence[Matcher]
    shift: Shift = field(default_factory=Shift)


@dataclass(frozen=True)
class Range:
    """`selector[length]`; the shift is that of the selector."""

    selector: Selector
    length: int


@dataclass(frozen=True)
class Subquery:
    """`expression[length:step] @ … offset …`; without a step it is the global interval."""

    expression: Expression
    length: int
    step: int | None
    shift: Shift = field(default_factory=Shift)


@dataclass(frozen=True)
class Call:
    function: str
    arguments: Sequence[Expression]


@dataclass(frozen=True)
class Aggregate:
    """`operator by (labels) (parameter, expression)`; `without` turns what the labels mean."""

    operator: str
    expression: Expression
    parameter: Expression | None
    labels: Sequence[str]
    without: bool


@dataclass(frozen=True)
class Matching:
    """Which elements of two vectors belong together. many: the side with several, as group_left or group_right says."""

    on: bool = False
    labels: Sequence[str] = ()
    many: Literal["left", "right"] | None = None
    include: Sequence[str] = ()


@dataclass(frozen=True)
class Binary:
    operator: str
    left: Expression
    right: Expression
    as_bool: bool = False
    matching: Matching | None = None


@dataclass(frozen=True)
class Negate:
    expression: Expression


Expression: TypeAlias = Number | Text | Selector | Range | Subquery | Call | Aggregate | Binary | Negate
