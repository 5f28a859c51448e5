"""What is wrong with a filter."""

from __future__ import annotations


class FilterError(ValueError):
    """`position`: where, in characters from 0. `expected`: what could stand there. `hint`: what was probably meant."""

    def __init__(self, position: int, found: str, expected: list[str], *, hint: str = "") -> None:
        advice = f" ({hint})" if hint else ""
        super().__init__(f"at position {position}: found {found}, expected {_listed(expected)}{advice}")
        self.position = position
        self.expected = expected


def _listed(expected: list[str]) -> str:
    """`'and', 'or' or the end`: quotes tell what is to be written as it stands from what is described."""
    shown = [item if " " in item else f"'{item}'" for item in expected]
    return " or ".join([", ".join(shown[:-1]), shown[-1]] if shown[1:] else shown)
