"""Calls of the operating system that fail as long as a test wants."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any, NoReturn

import pytest


def failing(patch: pytest.MonkeyPatch, owner: Any, *names: str, error: Exception | None = None) -> None:
    """Let `owner.<name>` raise `error`, which is a full disk if nothing else is said."""
    raised = error or OSError(errno.ENOSPC, "No space left on device")
    for name in names:
        patch.setattr(owner, name, _raising(raised))


def _raising(error: Exception) -> Callable[..., NoReturn]:
    def call(*_: object, **__: object) -> NoReturn:
        raise error

    return call
