"""Statements that make data inside the engine, from nothing but row numbers: the same every time."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def statement(name: str) -> str:
    """The text of NAME.sql."""
    return (files(__package__) / f"{name}.sql").read_text("utf-8")
