"""Which groups series fall into: by service and by attributes, named as in filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spanhouse_query.filters import SERIES, FilterError, parse_names
from spanhouse_query.filters.ast import Attribute, Field

MOST_NAMES = 5


@dataclass(frozen=True, slots=True)
class Grouping:
    """names: as answers show them, and requests may. Series without one of the attributes have null there."""

    keys: tuple[Field | Attribute, ...] = ()

    @property
    def names(self) -> list[str]:
        """`service`, `KEY`, `point.KEY` or `resource.KEY`."""
        return [shown_name(key) for key in self.keys]

    @property
    def bare_keys(self) -> set[str]:
        """Keys that may be the points' or the resource's."""
        return {key.key for key in self.keys if isinstance(key, Attribute) and key.scope == "any"}

    @property
    def parameters(self) -> dict[str, str]:
        """The values that `sql` binds."""
        return {f"group_{n}": key.key for n, key in enumerate(self.keys) if isinstance(key, Attribute)}

    @property
    def sql(self) -> str:
        """Array(Nullable(String)) over the columns service and attributes, and `sender`, those of the resource."""
        return f"[{', '.join(_value(key, n) for n, key in enumerate(self.keys))}]::Array(Nullable(String))"


def read_grouping(text: str) -> Grouping:
    """At most five names, separated by commas; none where there is no text. Raises ValueError."""
    if not text.strip():
        return Grouping()
    keys = tuple(dict.fromkeys(parse_names(text, SERIES)))
    if len(keys) > MOST_NAMES:
        raise ValueError(f"expected at most {MOST_NAMES} names")
    return Grouping(keys)


def read_attribute(text: str) -> Attribute:
    """The one attribute that is named. Raises FilterError."""
    names: Sequence[Field | Attribute] = parse_names(text, SERIES)
    if len(names) != 1 or not isinstance(names[0], Attribute):
        raise FilterError(0, text, ["one attribute's name"])
    return names[0]


def shown_name(key: Field | Attribute) -> str:
    """The name without quotes."""
    if isinstance(key, Field):
        return key.name
    return key.key if key.scope == "any" else f"{key.scope}.{key.key}"


def _value(key: Field | Attribute, number: int) -> str:
    if isinstance(key, Field):
        return key.name
    bound = f"{{group_{number}:String}}"
    own = f"mapContains(attributes, {bound}), attributes[{bound}]"
    inherited = f"mapContains(sender, {bound}), sender[{bound}]"
    cases = {"point": [own], "resource": [inherited], "any": [own, inherited]}[key.scope]
    return f"multiIf({', '.join(cases)}, NULL)"
