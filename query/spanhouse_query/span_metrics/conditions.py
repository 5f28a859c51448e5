"""Matchers as conditions on the columns of a rollup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spanhouse_query.series.selector import Matcher
from spanhouse_query.series.stored.matching import anchored

_COMPARED = {
    "=": "{value} = {bound}",
    "!=": "{value} != {bound}",
    "=~": "match({value}, {bound})",
    "!~": "NOT match({value}, {bound})",
}

Alternatives = tuple[tuple[Matcher, ...], ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition in SQL, and the values of its {parameters}."""

    sql: str
    parameters: Mapping[str, str]


def condition(labels: Mapping[str, str], alternatives: Alternatives) -> Condition:
    """What satisfies all matchers of one of the alternatives.

    labels: expressions by label; any other label is empty.
    """
    parameters: dict[str, str] = {}

    def compared(matcher: Matcher) -> str:
        name = f"matcher_{len(parameters)}"
        parameters[name] = anchored(matcher.value) if matcher.operator in ("=~", "!~") else matcher.value
        value = labels.get(matcher.name, "''")
        return f"({_COMPARED[matcher.operator].format(value=value, bound=f'{{{name}:String}}')})"

    return Condition(_any([_all([compared(matcher) for matcher in each]) for each in alternatives]), parameters)


def _all(conditions: Sequence[str]) -> str:
    return " AND ".join(conditions) or "true"


def _any(conditions: Sequence[str]) -> str:
    return f"({' OR '.join(conditions)})" if len(conditions) > 1 else "".join(conditions) or "true"
