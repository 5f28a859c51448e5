"""Selectors asked of a source, from the thread in which a query is evaluated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from promql_parser import VectorSelector

from spanhouse_query.promql.threaded import Asking
from spanhouse_query.promql.tree import selector_of
from spanhouse_query.series import Grouping, Leaf, Matrix, RawSeries, Selection, Selector, SeriesSource, Steps
from spanhouse_query.series.range_functions import RANGE_FUNCTIONS

Groups = Callable[[Sequence[str], str], Awaitable[Sequence[Sequence[str] | None]]]

LOOKBACK = 300_000
"""How old the newest sample of an instant may be, milliseconds."""


class Leaves:
    """A source for one query, asked from the thread that evaluates it, and once for the series of a selector."""

    def __init__(self, source: SeriesSource, groups: Groups, ask: Asking, lookback: int = LOOKBACK) -> None:
        """groups: what an expression's groups hold of texts, see `series.stored.matching.groups`."""
        self._source = source
        self._groups = groups
        self._ask = ask
        self.lookback = lookback
        self._selections: dict[tuple[Selector, int, int], Selection] = {}

    def groups(self, texts: Sequence[str], expression: str) -> Mapping[str, Sequence[str] | None]:
        """What the groups of an expression hold of each text, first the text; None where it does not match."""
        found = self._ask(lambda: self._groups(texts, expression)) if texts else []
        return dict(zip(texts, found, strict=True))

    def knows(self, function: str) -> bool:
        """Whether there is a leaf with that function."""
        return function in RANGE_FUNCTIONS

    def evaluate(
        self,
        node: VectorSelector,
        steps: Steps,
        function: str,
        window: int,
        parameters: tuple[float, ...] = (),
        grouping: Grouping | None = None,
    ) -> Matrix:
        """The function over the node's series, whose own offset and instant are the caller's."""
        selection = self._selection(selector_of(node), steps.start - window, steps.last)
        leaf = Leaf(function, steps, window, parameters)
        return self._ask(lambda: self._source.evaluate(selection, leaf, grouping))

    def samples(self, node: VectorSelector, after: int, until: int) -> Sequence[RawSeries]:
        """The node's samples in (after, until], unix milliseconds."""
        selection = self._selection(selector_of(node), after, until)
        return self._ask(lambda: self._source.samples(selection, after, until))

    def _selection(self, selector: Selector, start: int, end: int) -> Selection:
        key = (selector, start, end)
        if key not in self._selections:
            self._selections[key] = self._ask(lambda: self._source.select(*key))
        return self._selections[key]
