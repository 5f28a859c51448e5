"""Which names there are, for those who ask for one that there is not."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from spanhouse_query.problems import Problem, not_found
from spanhouse_query.reader import Reader

KNOWN_SERVICE = "SELECT service FROM resources WHERE tenant = {tenant:String}"
_SHOWN = 5


async def check_name(reader: Reader, name: str, present: Iterable[str]) -> None:
    """Raise Problem (404) for what is neither `present`, such as a peer, nor a service that ever sent a span."""
    names = set(present)
    if name in names:
        return
    names |= await reader.services()
    if name not in names:
        raise unknown_name(name, names)


def unknown_name(name: str, names: Iterable[str]) -> Problem:
    """404 that names the closest of those there are."""
    known = sorted(names)
    close = closest(name, known)
    if not known:
        return not_found(f"nothing is called {name!r}: no service has sent a span yet")
    return not_found(
        f"nothing is called {name!r}; the closest of {len(known)} names: {', '.join(close)}", allowed=close
    )


def closest(name: str, names: Iterable[str]) -> list[str]:
    """A few names, the most alike first; where none is alike, the first ones."""
    known = sorted(set(names))
    return get_close_matches(name, known, n=_SHOWN, cutoff=0.4) or known[:_SHOWN]
