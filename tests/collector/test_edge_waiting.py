"""A minute with missing parents is computed twice more, and waits anew when halves arrive for it."""

from __future__ import annotations

from spanhouse_collector.edges.waiting import WaitingMinutes

UNIT = ("default", 1_200)


def test_is_due_soon_and_when_the_lookback_has_passed() -> None:
    waiting = WaitingMinutes(soon=10, lookback=50)
    waiting.computed(UNIT, 100, missing=True, arrived=True)

    assert waiting.due(109) == set()
    assert waiting.due(110) == {UNIT}
    waiting.computed(UNIT, 110, missing=True, arrived=False)
    assert waiting.due(149) == set()
    assert waiting.due(150) == {UNIT}
    waiting.computed(UNIT, 150, missing=True, arrived=False)
    assert waiting.due(10_000) == set()


def test_stays_due_until_it_is_computed() -> None:
    waiting = WaitingMinutes(soon=10, lookback=50)
    waiting.computed(UNIT, 100, missing=True, arrived=True)

    assert waiting.due(110) == waiting.due(120) == {UNIT}


def test_waits_anew_when_halves_arrived() -> None:
    waiting = WaitingMinutes(soon=10, lookback=50)
    for now in (100, 110, 150):
        waiting.computed(UNIT, now, missing=True, arrived=False)

    waiting.computed(UNIT, 1_000, missing=True, arrived=True)

    assert waiting.due(1_009) == set()
    assert waiting.due(1_010) == {UNIT}


def test_waits_for_nothing_once_all_parents_are_there() -> None:
    waiting = WaitingMinutes(soon=10, lookback=50)
    waiting.computed(UNIT, 100, missing=True, arrived=True)
    waiting.computed(UNIT, 110, missing=False, arrived=False)

    assert waiting.due(10_000) == set()
