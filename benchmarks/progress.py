"""Telling how far a measurement is."""

import sys
import time


def say(text: str) -> None:
    """On standard error, with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
