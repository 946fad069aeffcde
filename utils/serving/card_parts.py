"""The parts of a model card, from which both the Markdown and the page are made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

Row = Sequence[str]
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|])")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a card under a heading.

    Attributes:
        heading: Heading.
        text: Paragraphs.
        headings: Headings of the columns of its table; none without a table.
        rows: Rows of the table.
    """

    heading: str
    text: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def as_markdown(title: str, summary: str, parts: Sequence[Part]) -> str:
    """A card as Markdown; names in it are escaped."""
    blocks = [f"# {escaped(title)}", escaped(summary)]
    for part in parts:
        blocks.append(f"## {escaped(part.heading)}")
        blocks += map(escaped, part.text)
        if part.rows:
            lines = [
                _escaped_row(part.headings),
                ["---"] * len(part.headings),
                *map(_escaped_row, part.rows),
            ]
            blocks.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    return "\n\n".join(blocks) + "\n"


def escaped(text: str) -> str:
    """Text in one line, in which nothing is markup."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def _escaped_row(row: Row) -> list[str]:
    return [escaped(cell) or " " for cell in row]
