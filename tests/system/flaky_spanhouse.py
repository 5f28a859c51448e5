"""`python -m tests.system.flaky_spanhouse FAULTS up …`: Spanhouse whose engine fails at random.

One insert in five fails before the engine has seen it, one in five after the engine has stored all of it. The file
FAULTS grows by one byte for each.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from spanhouse_cli.main import main
from spanhouse_storage import Store, StoreUnavailable

_SHARE = 0.2


def make_flaky(faults: Path) -> None:
    """Let every store of this process fail."""
    insert = Store.insert_segment

    def flaky(store: Store, segment: Path, token: str) -> None:
        chance = random.random()
        if chance > _SHARE:
            insert(store, segment, token)
        if chance < 2 * _SHARE:
            with faults.open("ab") as file:
                file.write(b"." if chance > _SHARE else b"-")
            raise StoreUnavailable("as chance would have it")

    Store.insert_segment = flaky  # type: ignore[method-assign, assignment]  # what this program is for


if __name__ == "__main__":
    make_flaky(Path(sys.argv.pop(1)))
    main()
