"""One small layout for every page: self-contained HTML, readable in light and dark, no scripts.

Parts of a page are `Markup` of markupsafe: text that is joined to it or formatted into it is
escaped, unless it is `Markup` itself. Ruff (S704) refuses `Markup` made from anything but a
literal, so that no text gets in by another way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from markupsafe import Markup, escape

from utils.project_commands import for_project

_STYLESHEET = Path(__file__).with_name("assets") / "page.css"


class Number(Markup):
    """A number as HTML, set to the right in a table, such as a value above its interval."""

    __slots__ = ()


Cell = Markup | str | int | float | None

NOTHING = Markup("")


def page(title: str, summary: str, *parts: Markup) -> str:
    """Make a whole page.

    Args:
        title: Heading of the page.
        summary: One sentence under the heading.
        *parts: Facts and sections.
    """
    style = Markup(_STYLESHEET.read_text(encoding="utf-8"))  # noqa: S704 - a file of ours
    head = Markup(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>{}</title><style>{}</style></head>"
    ).format(title, style)
    body = Markup('<body><main><h1>{}</h1><p class="soft">{}</p>{}</main></body></html>')
    return for_project(str(head + body.format(title, summary, joined(parts))))


def joined(parts: Iterable[str]) -> Markup:
    """Parts of a page one after another; plain text among them is escaped."""
    return NOTHING.join(parts)


def section(heading: str, *parts: Markup) -> Markup:
    """A part of a page under a heading."""
    return Markup("<section><h2>{}</h2>{}</section>").format(heading, joined(parts))


def subsection(heading: str, *parts: Markup) -> Markup:
    """A part of a section under a smaller heading."""
    return Markup("<h3>{}</h3>{}").format(heading, joined(parts))


def facts(values: Mapping[str, Cell]) -> Markup:
    """The main numbers of a page, each in a box of its own."""
    box = Markup("<div><dt>{}</dt><dd>{}</dd></div>")
    boxes = joined(box.format(name, shown(value)) for name, value in values.items())
    return Markup('<dl class="facts">{}</dl>').format(boxes)


def table(
    headings: Sequence[str], rows: Iterable[Sequence[Cell]], *, names: bool = False
) -> Markup:
    """A table; columns of numbers are set to the right.

    Args:
        headings: One heading for each column.
        rows: Rows with a cell for each column.
        names: Whether the first column holds long names, such as paths, and needs room.
    """
    body = [list(row) for row in rows]
    numeric = [
        bool(body) and all(isinstance(row[column], int | float | Number | None) for row in body)
        for column in range(len(headings))
    ]
    kinds = [Markup(' class="number"') if is_number else NOTHING for is_number in numeric]
    heading, cell, line = Markup("<th{}>{}</th>"), Markup("<td{}>{}</td>"), Markup("<tr>{}</tr>")
    lines = joined(
        line.format(
            joined(cell.format(kind, shown(value)) for kind, value in zip(kinds, row, strict=True))
        )
        for row in body
    )
    return Markup(
        '<div class="scroll"><table{}><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
    ).format(
        Markup(' class="names"') if names else NOTHING,
        joined(heading.format(kind, text) for kind, text in zip(kinds, headings, strict=True)),
        lines,
    )


def paragraph(text: str) -> Markup:
    """A paragraph in the softer colour."""
    return Markup('<p class="soft">{}</p>').format(text)


def warning(text: str) -> Markup:
    """A paragraph that stands out, for what readers must know before the numbers."""
    return Markup('<p class="warning">{}</p>').format(text)


def columns(*parts: Markup) -> Markup:
    """Parts side by side where there is room, each with its own heading or none."""
    inside = joined(Markup("<div>{}</div>").format(part) for part in parts)
    return Markup('<div class="columns">{}</div>').format(inside)


def shown(value: Cell) -> Markup:
    """A value as text on the page: escaped, numbers grouped, fractions with three places."""
    match value:
        case None:
            return escape("-")
        case bool():
            return escape("yes" if value else "no")
        case int():
            return escape(f"{value:,}")
        case float():
            return escape(f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}")
    return escape(value)
