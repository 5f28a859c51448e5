"""Matchers as conditions on rows of metric_series, and on text that only this process knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from spanhouse_query.reader import Reader
from spanhouse_query.series.selector import Matcher

JOB = """if(attributes['service.name'] = '', '', if(attributes['service.namespace'] = '', attributes['service.name'],
    concat(attributes['service.namespace'], '/', attributes['service.name'])))"""
_OF_RESOURCES = {"job": JOB, "instance": "attributes['service.instance.id']"}
_RESOURCES = "resource_id IN (SELECT id FROM resources WHERE tenant = {{tenant:String}} AND {condition})"
_OF_SERIES = {"otel_scope_name": "scope_name"}
# What names.label_name does, for k.
_LABEL = (
    "replaceRegexpOne(replaceRegexpOne(replaceRegexpAll(k, '[^a-zA-Z0-9_]', '_'),"
    r" '^([0-9])', 'key_\\1'), '^_([^_]|$)', 'key_\\1')"
)
_CONDITIONS = {"=": "{value} = {bound}", "!=": "{value} != {bound}", "=~": "match({value}, {bound})"}
_CONDITIONS["!~"] = f"NOT {_CONDITIONS['=~']}"


# Expressions that mean the same to Python, and in which it cannot lose its way.
_PLAIN = re.compile(r"(?:[\w :/|-]|\.[*+]?)*")
_DOTS = 2


@dataclass(slots=True)
class Conditions:
    """A condition in SQL with the values that it binds."""

    sql: list[str] = field(default_factory=list)
    parameters: dict[str, str] = field(default_factory=dict)

    def bind(self, value: str) -> str:
        """The place of a value in the text."""
        name = f"match_{len(self.parameters)}"
        self.parameters[name] = value
        return f"{{{name}:String}}"

    def add(self, matchers: Iterable[Matcher]) -> None:
        """Let all of these hold too."""
        self.sql += [self._condition(matcher) for matcher in matchers]

    @property
    def text(self) -> str:
        """All conditions, each with AND before it."""
        return "".join(f"\n    AND {condition}" for condition in self.sql)

    def _condition(self, matcher: Matcher) -> str:
        if matcher.name in _OF_RESOURCES:
            return self._of_resource(_OF_RESOURCES[matcher.name], matcher)
        return self._compared(_OF_SERIES.get(matcher.name) or self._attribute(matcher.name), matcher)

    def _of_resource(self, value: str, matcher: Matcher) -> str:
        """Where a resource does not say it, the attribute of that name is the label."""
        said = _RESOURCES.format(condition=f"{value} != '' AND {self._compared(value, matcher)}")
        unsaid = _RESOURCES.format(condition=f"{value} = ''")
        return f"({said} OR {unsaid} AND {self._compared(self._attribute(matcher.name), matcher)})"

    def _compared(self, value: str, matcher: Matcher) -> str:
        bound = self.bind(anchored(matcher.value) if matcher.operator in ("=~", "!~") else matcher.value)
        return f"({_CONDITIONS[matcher.operator].format(value=value, bound=bound)})"

    def _attribute(self, label: str) -> str:
        """The value of the attribute with that key, else of the one whose label it is."""
        name = self.bind(label)
        exact = f"attributes[{name}]"
        if "_" not in label:
            return exact
        translated = f"attributes[arrayFirst(k -> {_LABEL} = {name}, mapKeys(attributes))]"
        return f"if(mapContains(attributes, {name}), {exact}, {translated})"


def anchored(expression: str) -> str:
    """Prometheus' expressions match the whole value, over lines."""
    return f"^(?s:{expression})$"


async def groups(reader: Reader, values: Sequence[str], expression: str) -> list[list[str] | None]:
    """Of each value what the groups of an expression hold that matches all of it, first the value; else None.

    The engine's RE2 takes time in proportion to the text, whatever the expression. Python's does not.
    """
    rows = await reader.rows(
        "SELECT arrayMap(v -> extractGroups(v, {expression:String}), {values:Array(String)}) AS found",
        expression=f"^((?s:{expression}))$",
        values=list(values),
    )
    return [list(found) or None for found in rows[0]["found"]]


async def matching(reader: Reader, values: Sequence[str], matchers: Iterable[Matcher]) -> set[str]:
    """Those values that satisfy all matchers, whatever their label."""
    found = set(values)
    for matcher in matchers:
        kept = await _satisfying(reader, sorted(found), matcher)
        found = found - kept if matcher.operator.startswith("!") else kept
    return found


async def _satisfying(reader: Reader, values: Sequence[str], matcher: Matcher) -> set[str]:
    """Those that the matcher names, to keep or not. Expressions are RE2: the engine has all but plain ones."""
    if matcher.operator in ("=", "!="):
        return {value for value in values if value == matcher.value}
    if _PLAIN.fullmatch(matcher.value) and matcher.value.count(".") <= _DOTS:
        expression = re.compile(matcher.value, re.DOTALL | re.ASCII)
        return {value for value in values if expression.fullmatch(value)}
    rows = await reader.rows(
        "SELECT arrayFilter(v -> match(v, {expression:String}), {names:Array(String)}) AS found",
        expression=anchored(matcher.value),
        names=list(values),
    )
    return set(rows[0]["found"])
