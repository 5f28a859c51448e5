"""The table of expressions, and when they are evaluated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.promql_conformance.dataset import MINUTE, SECOND, START

TABLE = Path(__file__).parent / "expressions.promql"

# Half a second off the whole ones on which windows and the steps of subqueries end.
FIRST, STEPS, STEP = START + 20 * MINUTE + 500, 13, 400 * SECOND
LAST = FIRST + (STEPS - 1) * STEP

# What $… stands for: an instant in seconds.
_INSTANTS = {
    "EARLY": START + 12 * MINUTE + 500,
    "MIDDLE": START + 50 * MINUTE + 500,
    "LATE": START + 101 * MINUTE + 500,
}
_TOPIC = re.compile(r"## (?P<topic>.*?)(?: \[only Prometheus 3: (?P<reason>.*)\])?")


@dataclass(frozen=True)
class Case:
    """An expression as it stands in the table; only_3: why Prometheus 2.42 cannot be asked."""

    topic: str
    text: str
    only_3: str | None

    @property
    def expression(self) -> str:
        """With instants in the place of their names."""
        return re.sub(r"\$([A-Z]+)", lambda match: f"{_INSTANTS[match.group(1)] / 1000:.3f}", self.text)


def cases() -> list[Case]:
    """All of the table, in its order."""
    topic, only_3, found = "", None, list[Case]()
    for line in TABLE.read_text("utf-8").splitlines():
        if heading := _TOPIC.fullmatch(line):
            topic, only_3 = heading["topic"], heading["reason"]
        elif line and not line.startswith("#"):
            found.append(Case(topic, line, only_3))
    return found
