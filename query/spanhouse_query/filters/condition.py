"""From the text of `q` to a condition, with what the store has to say about it."""

from __future__ import annotations

from spanhouse_storage import QueryTimeout, StoreError, StoreUnavailable

from spanhouse_query.filters.ast import bare_keys, patterns
from spanhouse_query.filters.compile import Condition, compile_filter
from spanhouse_query.filters.errors import FilterError
from spanhouse_query.filters.parser import parse
from spanhouse_query.filters.subject import SPAN, Subject
from spanhouse_query.problems import Problem, invalid_parameter
from spanhouse_query.reader import Reader

_PRESENT_SQL = """
SELECT arrayIntersect(groupUniqArrayArray(mapKeys(attributes)), {keys:Array(String)}) AS present
FROM resources
WHERE tenant = {tenant:String}
"""
_PATTERN_SQL = "SELECT match('', {pattern:String})"


async def filter_condition(reader: Reader, text: str, subject: Subject = SPAN) -> Condition:
    """The condition of `q` on `spans` or `metric_series`. Raises Problem (400) that says where it is wrong."""
    try:
        node = parse(text, subject)
    except FilterError as error:
        raise invalid_parameter("q", str(error), position=error.position, allowed=error.expected) from error
    for pattern in patterns(node):
        await _check_pattern(reader, text, pattern)
    return compile_filter(node, await present_in_resources(reader, bare_keys(node)))


async def present_in_resources(reader: Reader, keys: set[str]) -> set[str]:
    """Those of the keys that some resource has as an attribute."""
    return set((await reader.rows(_PRESENT_SQL, keys=sorted(keys)))[0]["present"]) if keys else set()


async def _check_pattern(reader: Reader, text: str, pattern: str) -> None:
    """The engine's expressions (RE2) are not Python's, so the engine judges."""
    try:
        await reader.rows(_PATTERN_SQL, pattern=pattern)
    except (StoreUnavailable, QueryTimeout):
        raise
    except StoreError as error:
        raise _bad_pattern(text, pattern) from error


def _bad_pattern(text: str, pattern: str) -> Problem:
    detail = f"{pattern!r} is not a regular expression in the syntax of RE2"
    return invalid_parameter("q", detail, position=max(0, text.find("~")))
