"""Operators over two matrices whose rows stand opposite each other."""

from __future__ import annotations

import numpy as np

from spanhouse_query.promql.binary.operators import ARITHMETIC, COMPARISON
from spanhouse_query.series import Matrix
from spanhouse_query.series.histogram_cells import Bools, HistogramCells
from spanhouse_query.series.histogram_sums import Histograms, Terms, scaled, summed


def elementwise(operator: str, left: Matrix, right: Matrix, *, boolean: bool) -> Matrix:
    """The operator cell by cell, with the labels of the left.

    A comparison keeps the left number where it holds, or with `boolean` says 1 or 0.
    """
    both = left.present & right.present
    if operator in COMPARISON:
        return _compared(operator, left, right, both, boolean=boolean)
    values = ARITHMETIC[operator](left.values, right.values)
    cells = _histograms(operator, left, right)
    return Matrix(left.labels, np.broadcast_to(values, both.shape), both, cells)


def _compared(operator: str, left: Matrix, right: Matrix, both: Bools, *, boolean: bool) -> Matrix:
    holds = COMPARISON[operator](left.values, right.values)
    equal = _equal_histograms(left, right) if operator in ("==", "!=") else None
    if equal is not None:
        there, same = equal
        holds_there = there & (same if operator == "==" else ~same)
        if boolean:
            values = np.where(both, holds, holds_there).astype(np.float64)
            return Matrix(left.labels, values, both | there)
        kept = left.histograms.where(holds_there) if left.histograms is not None else None
        return Matrix(left.labels, left.values, both & holds, kept)
    if boolean:
        return Matrix(left.labels, np.broadcast_to(holds, both.shape).astype(np.float64), both)
    return Matrix(left.labels, left.values, both & holds)


def _histograms(operator: str, left: Matrix, right: Matrix) -> HistogramCells | None:
    """Histograms can be added and subtracted, and be multiplied and divided by numbers."""
    first, second = left.histograms, right.histograms
    if first is not None and second is not None and operator in "+-":
        return _sum(first, second, 1.0 if operator == "+" else -1.0)
    if first is not None and operator in "*/" and right.present.any():
        factor = np.broadcast_to(right.values, first.present.shape)
        return scaled(first, factor if operator == "*" else 1 / factor).where(right.present)
    if second is not None and operator == "*" and left.present.any():
        return scaled(second, np.broadcast_to(left.values, second.present.shape)).where(left.present)
    return None


def _sum(first: HistogramCells, second: HistogramCells, sign: float) -> HistogramCells:
    there = first.present & second.present
    cells = np.flatnonzero(there)
    pair = Histograms.of_cells(HistogramCells.concatenated([first, second]))
    one = np.ones(cells.size)
    terms = Terms.joined([Terms(cells, cells, one), Terms(cells, cells + there.size, sign * one)])
    return summed(pair, terms, there)


def _equal_histograms(left: Matrix, right: Matrix) -> tuple[Bools, Bools] | None:
    """Where both are histograms, and whether those are the same."""
    first, second = left.histograms, right.histograms
    if first is None or second is None:
        return None
    there = first.present & second.present
    difference = _sum(first, second, -1.0)
    unlike = np.zeros(there.size, np.bool_)
    unlike[difference.buckets.cell[difference.buckets.count != 0]] = True
    same = (first.count == second.count) & (first.sum == second.sum) & (first.zero_count == second.zero_count)
    same &= (first.scale == second.scale) & (first.zero_threshold == second.zero_threshold)
    return there, same & ~unlike.reshape(there.shape)
