"""The functions, what they take and what they give.

A letter an argument: v instant vector, m range vector, s scalar, t text; `?` after what may be left out,
`*` after what may come any number of times.
"""

from __future__ import annotations

from tests.promql_conformance.reference.elementwise import OF_A_DATE, OF_A_NUMBER
from tests.promql_conformance.reference.syntax import (
    Aggregate,
    Binary,
    Call,
    Expression,
    Negate,
    Number,
    Range,
    Refused,
    Subquery,
    Text,
)
from tests.promql_conformance.reference.windows import WINDOWED

SIGNATURES: dict[str, str] = {
    **dict.fromkeys(WINDOWED, "m"),
    "absent_over_time": "m",
    **dict.fromkeys(OF_A_NUMBER, "v"),
    **dict.fromkeys(OF_A_DATE, "v?"),
    "quantile_over_time": "sm",
    "predict_linear": "ms",
    "absent": "v",
    "clamp": "vss",
    "clamp_min": "vs",
    "clamp_max": "vs",
    "round": "vs?",
    "sort": "v",
    "sort_desc": "v",
    "timestamp": "v",
    "histogram_quantile": "sv",
    "histogram_count": "v",
    "histogram_sum": "v",
    "label_replace": "vtttt",
    "label_join": "vttt*",
    "scalar": "v",
    "vector": "s",
    "time": "",
    "pi": "",
}
WITH_NUMBER = ("topk", "bottomk", "quantile")
WITH_TEXT = ("count_values",)
AGGREGATIONS = ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", *WITH_NUMBER, *WITH_TEXT)
_NAMES = {"v": "an instant vector", "m": "a range vector", "s": "a scalar", "t": "a text"}


def kind(expression: Expression) -> str:
    """The letter of what it evaluates to."""
    match expression:
        case Number():
            return "s"
        case Text():
            return "t"
        case Range() | Subquery():
            return "m"
        case Call(function=function):
            return "s" if function in ("scalar", "time", "pi") else "v"
        case Binary(left=left, right=right):
            return "s" if kind(left) == kind(right) == "s" else "v"
        case Negate(expression=inner):
            return kind(inner)
        case _:
            return "v"


def must_be(expression: Expression, *, wanted: str, of: str) -> None:
    """Refused unless it evaluates to one of the wanted letters."""
    if kind(expression) not in wanted:
        allowed = " or ".join(_NAMES[letter] for letter in wanted)
        raise Refused(f"{of} takes {allowed}, not {_NAMES[kind(expression)]}")


def check_call(call: Call) -> None:
    """Refused where a function is unknown, or its arguments are too few, too many or of the wrong kind."""
    if call.function not in SIGNATURES:
        raise Refused(f"there is no function {call.function}")
    signature = SIGNATURES[call.function]
    letters = signature.replace("?", "").replace("*", "")
    least = len(letters) - signature.count("?") - signature.count("*")
    if len(call.arguments) < least or (len(call.arguments) > len(letters) and "*" not in signature):
        raise Refused(f"{call.function} takes {least} to {len(letters)} arguments, not {len(call.arguments)}")
    letters += letters[-1:] * (len(call.arguments) - len(letters))
    for letter, argument in zip(letters, call.arguments, strict=False):
        must_be(argument, wanted=letter, of=call.function)


def check_aggregate(aggregate: Aggregate) -> None:
    """Refused where the parameter is missing, too much or of the wrong kind, or there is no vector."""
    must_be(aggregate.expression, wanted="v", of=aggregate.operator)
    wanted = "s" if aggregate.operator in WITH_NUMBER else "t" if aggregate.operator in WITH_TEXT else ""
    if (aggregate.parameter is not None) != bool(wanted):
        raise Refused(f"{aggregate.operator} has a parameter too many or too few")
    if aggregate.parameter is not None:
        must_be(aggregate.parameter, wanted=wanted, of=aggregate.operator)
