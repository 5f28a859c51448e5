"""Vector matching: which series of one side stand opposite which of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from promql_parser import BinModifier

from spanhouse_query.promql.binary.elementwise import elementwise
from spanhouse_query.promql.binary.operators import ARITHMETIC
from spanhouse_query.promql.errors import QueryError
from spanhouse_query.promql.shown import shown_labels
from spanhouse_query.series import NAME, LabelKey, Labels, Matrix, identity, only, without
from spanhouse_query.series.labels import Identity
from spanhouse_query.series.relabelled import SameLabels, relabelled

Rows: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Matching:
    """How two sides are matched.

    key: labels to the match group, by `on` these names or by ignoring them. many: the side that may have several of a
    group, None for neither. include: labels that it takes from the other.
    """

    key: LabelKey
    names: Sequence[str]
    on: bool
    many: str | None
    include: Sequence[str]

    @classmethod
    def of(cls, modifier: BinModifier | None) -> Matching:
        """Of what stands after an operator."""
        if modifier is None:
            return cls(without(()), (), False, None, ())
        names = modifier.matching.labels if modifier.matching else []
        on = modifier.matching is not None and str(modifier.matching.type).endswith("Include")
        cardinality = str(modifier.card).rpartition(".")[2]
        many = {"ManyToOne": "left", "OneToMany": "right"}.get(cardinality)
        key = only(names) if on else without(names)
        return cls(key, tuple(names), on, many, tuple(modifier.group_labels or ()))


def between_vectors(operator: str, left: Matrix, right: Matrix, matching: Matching, *, boolean: bool) -> Matrix:
    """The operator over matched series. Raises QueryError where the matching is not what it says."""
    swapped = matching.many == "right"
    many, one = (right, left) if swapped else (left, right)
    groups = _groups(one, matching, side="left" if swapped else "right")
    mine, theirs, group = _pairs(many, groups, matching)
    if not mine.size:
        return Matrix.empty(left.shape[1])
    pair = (one.take(theirs), many.take(mine)) if swapped else (many.take(mine), one.take(theirs))
    found = elementwise(operator, *pair, boolean=boolean)
    if matching.many is None:
        _require_one(found, group)
    drops_name = operator in ARITHMETIC or boolean
    labels = [
        _result_labels(many.labels[row], one.labels[other], matching, drops_name=drops_name)
        for row, other in zip(mine.tolist(), theirs.tolist(), strict=True)
    ]
    try:
        return _joined(replace(found, labels=labels))
    except SameLabels:
        problem = "multiple matches for labels: grouping labels must ensure unique matches"
        raise QueryError(problem) from None


def _groups(one: Matrix, matching: Matching, *, side: str) -> dict[Identity, list[int]]:
    """The rows of each match group, of which no two may have something at the same step."""
    groups: dict[Identity, list[int]] = {}
    for row, own in enumerate(one.labels):
        groups.setdefault(identity(matching.key(own)), []).append(row)
    for group, rows in groups.items():
        if len(rows) > 1 and (one.occupied[rows].sum(axis=0) > 1).any():
            shown = ", ".join(shown_labels(one.labels[row]) for row in rows[:2])
            raise QueryError(
                f"found duplicate series for the match group {shown_labels(dict(group))} on the {side} hand-side "
                f"of the operation: [{shown}];many-to-many matching not allowed: "
                "matching labels must be unique on one side"
            )
    return groups


def _pairs(many: Matrix, groups: dict[Identity, list[int]], matching: Matching) -> tuple[Rows, Rows, Rows]:
    """Rows of the side of many, with those that stand opposite, and the number of their group."""
    numbers = {group: number for number, group in enumerate(groups)}
    pairs = [
        (row, other, numbers[group])
        for row, own in enumerate(many.labels)
        for group in (identity(matching.key(own)),)
        for other in groups.get(group, ())
    ]
    mine, theirs, group_of = np.array(pairs, np.intp).reshape(-1, 3).T
    return mine, theirs, group_of


def _require_one(found: Matrix, group: Rows) -> None:
    if len(np.unique(group)) == len(group):
        return
    counts = np.zeros((int(group.max()) + 1, found.shape[1]), np.int64)
    np.add.at(counts, group, found.occupied)
    if (counts > 1).any():
        raise QueryError("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)")


def _result_labels(own: Labels, other: Labels, matching: Matching, *, drops_name: bool) -> Labels:
    labels = dict(own)
    if drops_name:
        labels.pop(NAME, None)
    if matching.many is None:
        listed = set(matching.names)
        labels = {name: value for name, value in labels.items() if (name in listed) == matching.on}
    for name in matching.include:
        labels.pop(name, None)
        if other.get(name):
            labels[name] = other[name]
    return labels


def _joined(matrix: Matrix) -> Matrix:
    return relabelled(matrix, lambda labels: labels).not_empty()
