"""What is wrong with a filter."""

from __future__ import annotations


class FilterError(ValueError):
    """`position`: where, in characters from 0. `expected`: what could stand there."""

    def __init__(self, position: int, found: str, expected: list[str]) -> None:
        super().__init__(f"at position {position}: found {found}, expected {' or '.join(expected)}")
        self.position = position
        self.expected = expected
