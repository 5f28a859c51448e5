"""Text that becomes part of a statement: literals, identifiers and settings. Values of users are bound instead."""

from __future__ import annotations

from collections.abc import Mapping

_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\0": "\\0", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def literal(value: str) -> str:
    """`value` as a string literal."""
    return f"'{value.translate(_ESCAPES)}'"


def identifier(name: str) -> str:
    """`name` as a quoted identifier; ValueError for a name that no identifier can hold."""
    if not name or "\0" in name:
        raise ValueError(f"not an identifier: {name!r}")
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def settings_clause(settings: Mapping[str, str | int | float]) -> str:
    """`SETTINGS a = 'b', ...`; empty for no settings."""
    if not settings:
        return ""
    return "SETTINGS " + ", ".join(f"{identifier(name)} = {literal(str(value))}" for name, value in settings.items())


def statements(script: str) -> list[str]:
    """The statements of a script in which a semicolon at the end of a line ends each; without comment-only ones."""
    parts = (part.strip() for part in script.split(";\n"))
    return [part for part in parts if any(line and not line.startswith("--") for line in part.splitlines())]
