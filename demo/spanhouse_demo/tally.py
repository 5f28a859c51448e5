"""How many journeys were made."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Self


@dataclass
class Tally:
    """Journeys made, by kind.

    `wrong` counts those that went otherwise than their kind says, and `last_wrong` tells what happened in the latest.
    """

    made: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    last_wrong: str = ""

    def add(self, kind: str, error: Exception | None) -> None:
        """Count one journey."""
        self.made[kind] += 1
        if error is not None:
            self.wrong += 1
            self.last_wrong = f"{kind}: {error}"

    def to_json(self) -> str:
        """The tally as text for `from_json`."""
        return json.dumps({"made": self.made, "wrong": self.wrong, "last_wrong": self.last_wrong})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The tally that `to_json` wrote."""
        document = json.loads(text)
        return cls(Counter(document["made"]), document["wrong"], document["last_wrong"])
