"""Functions that make labels of labels."""

from __future__ import annotations

import re

from spanhouse_query.promql.arguments import Arguments
from spanhouse_query.promql.errors import BadExpression
from spanhouse_query.promql.values import Value
from spanhouse_query.series import Labels
from spanhouse_query.series.relabelled import relabelled

_REFERENCE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})", re.ASCII)


def label_replace(arguments: Arguments) -> Value:
    """A label from another by an expression that must match all of it."""
    target, replacement, source, pattern = (arguments.text(place) for place in range(1, 5))
    try:
        expression = re.compile(pattern, re.DOTALL)
    except re.error as error:
        raise BadExpression(f"invalid regular expression in label_replace(): {pattern}: {error}") from None
    if not target:
        raise BadExpression("invalid destination label name in label_replace(): ")

    def replaced(labels: Labels) -> Labels:
        match = expression.fullmatch(labels.get(source, ""))
        return labels if match is None else _with(labels, target, _expanded(replacement, match))

    return relabelled(arguments.vector(), replaced)


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


def _expanded(replacement: str, match: re.Match[str]) -> str:
    """`$1`, `${1}` and `${name}` by what they matched, nothing where there is no such group; `$$` is a dollar."""

    def group(reference: re.Match[str]) -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        try:
            return match[int(name) if name.isdecimal() else name] or ""
        except IndexError:
            return ""

    return _REFERENCE.sub(group, replacement)
