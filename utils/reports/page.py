"""One small layout for every page: self-contained HTML, readable in light and dark, no scripts.

Everything that is not `Markup` is escaped where it enters the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


class Number(Markup):
    """A number with what is to be known of it, in HTML."""

    __slots__ = ()


Cell = Markup | str | int | float | None

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2733; --soft: #5b6b7b; --line: #d9e0e7; --card: #f5f8fa;
  --paper: #ffffff; --accent: #0b7285; --truth: #1fe08f; --found: #ffa51f; --bad: #c92a2a;
  --second: #e67700; --third: #7048e8; --fourth: #2b8a3e; --fifth: #c2255c; --sixth: #5c5f66; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e9ef; --soft: #93a3b3; --line: #33404d;
  --card: #1d262f; --paper: #141a20; --accent: #3bc9db; --bad: #ff8787;
  --second: #ffc078; --third: #b197fc; --fourth: #69db7c; --fifth: #f783ac; --sixth: #ced4da; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 16px; background: var(--paper); color: var(--ink);
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1080px; margin: 0 auto; }
h1 { font-size: 22px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 16px; margin: 32px 0 10px; }
h3 { font-size: 13px; margin: 0 0 6px; font-weight: 600; }
p { margin: 0 0 10px; } .soft { color: var(--soft); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(120px, 1fr)); gap: 10px;
  margin: 16px 0 0; padding: 0; }
.facts div { background: var(--card); border-radius: 8px; padding: 10px 14px; }
.facts dt { color: var(--soft); font-size: 12px; } .facts dd { margin: 0; font-size: 20px;
  font-weight: 600; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; min-width: 40%; }
th, td { padding: 5px 14px 5px 0; text-align: left; border-bottom: 1px solid var(--line);
  vertical-align: top; }
td:first-child { overflow-wrap: anywhere; min-width: 8em; }
table.names td { overflow-wrap: anywhere; }
table.names td:first-child { min-width: min(26em, 45vw); }
th { color: var(--soft); font-weight: 500; font-size: 12px; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 28px; }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(var(--cell, 200px), 1fr));
  gap: 14px; }
figure { margin: 0; } figcaption { font-size: 12px; color: var(--soft); overflow-wrap: anywhere;
  margin-top: 4px; }
.picture { position: relative; line-height: 0; border-radius: 6px; overflow: hidden;
  background: var(--card); }
.picture img { width: 100%; height: auto; display: block; }
.picture svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.picture rect { fill: transparent; stroke-width: 1.5px; vector-effect: non-scaling-stroke; }
rect.truth { stroke: var(--truth); stroke-width: 3px; } rect.found { stroke: var(--found); }
.plot img { width: 100%; height: auto; border-radius: 6px; background: white; }
.key { display: inline-block; width: 10px; height: 10px; border: 2px solid; border-radius: 2px;
  margin: 0 5px 0 12px; } .key:first-child { margin-left: 0; }
.key.truth { border-color: var(--truth); } .key.found { border-color: var(--found); }
.bars { display: grid; grid-template-columns: fit-content(40%) 1fr; gap: 4px 10px; }
.bars .bar { background: var(--accent); border-radius: 3px; height: 12px; display: inline-block;
  min-width: 1px; margin-right: 6px; vertical-align: middle; }
.bars span { font-variant-numeric: tabular-nums; font-size: 12px; }
svg.chart { width: 100%; height: auto; display: block; }
svg.chart text { fill: var(--soft); font-size: 11px; font-family: inherit; text-anchor: middle; }
svg.chart rect { fill: var(--accent); } svg.chart line { stroke: var(--line); }
svg.chart polyline { fill: none; stroke-width: 2px; stroke-linejoin: round; }
svg.chart line.mark { stroke: var(--soft); stroke-dasharray: 4 3; }
.line0 { stroke: var(--accent); border-color: var(--accent); }
.line1 { stroke: var(--second); border-color: var(--second); }
.line2 { stroke: var(--third); border-color: var(--third); }
.line3 { stroke: var(--fourth); border-color: var(--fourth); }
.line4 { stroke: var(--fifth); border-color: var(--fifth); }
.line5 { stroke: var(--sixth); border-color: var(--sixth); }
a { color: var(--accent); }
h1[id] { border-top: 1px solid var(--line); margin-top: 48px; padding-top: 24px; }
.warning { border-left: 4px solid var(--bad); padding: 6px 12px; margin: 12px 0; }
td small, .facts small { display: block; font-size: 12px; font-weight: 400; color: var(--soft); }
.scroll + p, .columns + p { margin-top: 10px; }
td.heat { background: color-mix(in srgb, var(--accent) var(--share), transparent);
  text-align: right; padding: 5px 10px; font-variant-numeric: tabular-nums; }
"""


def page(title: str, summary: str, *parts: Markup) -> str:
    """A whole page.

    Args:
        title: Its heading.
        summary: One sentence under the heading.
        *parts: Facts, sections.
    """
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>"
        f'<h1>{escape(title)}</h1><p class="soft">{escape(summary)}</p>'
        f"{''.join(parts)}</main></body></html>"
    )


def section(heading: str, *parts: Markup) -> Markup:
    """A part of a page under a heading."""
    return Markup(f"<section><h2>{escape(heading)}</h2>{''.join(parts)}</section>")


def facts(values: Mapping[str, Cell]) -> Markup:
    """Numbers to be seen first, each in a box of its own."""
    boxes = (
        f"<div><dt>{escape(name)}</dt><dd>{shown(value)}</dd></div>"
        for name, value in values.items()
    )
    return Markup(f'<dl class="facts">{"".join(boxes)}</dl>')


def table(
    headings: Sequence[str], rows: Iterable[Sequence[Cell]], *, names: bool = False
) -> Markup:
    """A table; columns of numbers are set to the right.

    Args:
        headings: One for each column.
        rows: Each with a cell for each column.
        names: Whether the first column holds long names, such as paths, and needs room.
    """
    body = [list(row) for row in rows]
    numeric = [
        bool(body) and all(isinstance(row[column], int | float | Number | None) for row in body)
        for column in range(len(headings))
    ]
    kinds = [' class="number"' if is_number else "" for is_number in numeric]
    head = "".join(
        f"<th{kind}>{escape(heading)}</th>" for kind, heading in zip(kinds, headings, strict=True)
    )
    lines = (
        "".join(f"<td{kind}>{shown(cell)}</td>" for kind, cell in zip(kinds, row, strict=True))
        for row in body
    )
    inside = "".join(f"<tr>{line}</tr>" for line in lines)
    kind = ' class="names"' if names else ""
    return Markup(
        f'<div class="scroll"><table{kind}><thead><tr>{head}</tr></thead>'
        f"<tbody>{inside}</tbody></table></div>"
    )


def paragraph(text: str | Markup) -> Markup:
    """A paragraph in the softer colour."""
    return Markup(f'<p class="soft">{shown(text)}</p>')


def columns(*parts: Markup) -> Markup:
    """Parts side by side where there is room, each with its own heading or none."""
    return Markup(f'<div class="columns">{"".join(f"<div>{part}</div>" for part in parts)}</div>')


def shown(value: Cell) -> str:
    """A value as text on the page: escaped, numbers grouped, fractions with three places."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return value if isinstance(value, Markup) else escape(value)
