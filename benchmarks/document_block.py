"""Parts of a document that a program writes, between `<!-- begin: NAME -->` and `<!-- end: NAME -->`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def replace_block(document: Path, name: str, content: str) -> None:
    """Put `content` between the marks of that name; SystemExit where the document has not both."""
    text = document.read_text("utf-8")
    begin, end = f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{document} has no lines '{begin.strip()}' and '{end}'")
    document.write_text(f"{before}{begin}{content.rstrip()}\n{end}{after}", "utf-8")


def table(head: Sequence[str], rows: Sequence[Sequence[str | float | None]]) -> str:
    """A table in Markdown: the first column to the left, the others to the right."""
    lines = [_row(head), f"|---|{'---:|' * (len(head) - 1)}", *(_row(row) for row in rows)]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str | float | None]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(cell: str | float | None) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    return f"{cell:,.0f}" if isinstance(cell, int) or abs(cell) >= 1000 else f"{cell:g}"
