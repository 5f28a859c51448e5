"""docs/configuration.md."""

from __future__ import annotations

from pathlib import Path

from spanhouse_cli.configuration_table import document

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_documentation_is_what_the_options_say() -> None:
    """To write it anew: python -m spanhouse_cli.configuration_table docs/configuration.md"""
    assert DOCUMENT.read_text("utf-8") == document()
