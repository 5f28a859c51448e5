"""Functions that make labels of labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from spanhouse_query.promql.arguments import Arguments
from spanhouse_query.promql.errors import BadExpression
from spanhouse_query.promql.values import Value
from spanhouse_query.series import Labels
from spanhouse_query.series.relabelled import relabelled

# A group's opening, or what is not one though it has a parenthesis: escapes and classes.
_GROUP = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?P?<(\w+)>|\(\?|\(", re.DOTALL)
_REFERENCE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})", re.ASCII)


def label_replace(arguments: Arguments) -> Value:
    """A label from another by an expression that must match all of it."""
    target, replacement, source, expression = (arguments.text(place) for place in range(1, 5))
    if not target:
        raise BadExpression("invalid destination label name in label_replace(): ")
    matrix = arguments.vector()
    texts = sorted({labels.get(source, "") for labels in matrix.labels})
    found = arguments.evaluator.leaves.groups(texts, expression)
    names = _group_names(expression)

    def replaced(labels: Labels) -> Labels:
        groups = found[labels.get(source, "")]
        return labels if groups is None else _with(labels, target, _expanded(replacement, groups, names))

    return relabelled(matrix, replaced)


def label_join(arguments: Arguments) -> Value:
    """A label from several, with something between them."""
    target, separator = arguments.text(1), arguments.text(2)
    sources = [arguments.text(place) for place in range(3, len(arguments))]
    if not target:
        raise BadExpression("invalid destination label name in label_join(): ")
    return relabelled(
        arguments.vector(),
        lambda labels: _with(labels, target, separator.join(labels.get(source, "") for source in sources)),
    )


def _with(labels: Labels, name: str, value: str) -> Labels:
    others = {own: text for own, text in labels.items() if own != name}
    return {**others, name: value} if value else others


def _group_names(expression: str) -> dict[str, int]:
    """The numbers of groups by their names."""
    opened = [match for match in _GROUP.finditer(expression) if match[1] or match[0] == "("]
    return {match[1]: number for number, match in enumerate(opened, 1) if match[1]}


def _expanded(replacement: str, groups: Sequence[str], names: Mapping[str, int]) -> str:
    """`$1`, `${1}` and `${name}` by what they matched, nothing where there is no such group; `$$` is a dollar."""

    def group(reference: re.Match[str]) -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        number = int(name) if name.isdecimal() else names.get(name, len(groups))
        return groups[number] if number < len(groups) else ""

    return _REFERENCE.sub(group, replacement)
