"""How hard tests try whose examples are dear: with TEST_EFFORT=full, as .ci/run has it, as often as they say."""

from __future__ import annotations

import os

IS_FULL = os.environ.get("TEST_EFFORT") == "full"
_SHARE = 4
_LEAST = 3


def examples(number: int) -> int:
    """How many of `number` examples hypothesis is to try: a quarter, others each time, where nobody asks for all."""
    return number if IS_FULL else max(_LEAST, number // _SHARE)
