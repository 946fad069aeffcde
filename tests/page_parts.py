"""Parts of the page of a report: its facts by name, its tables by heading."""

from __future__ import annotations

import re
from html import unescape


def facts_of(page: str) -> dict[str, str]:
    """The numbers that are to be seen first, as shown, by name."""
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page, re.DOTALL)
    return {unescape(name): _text(value) for name, value in found}


def rows_under(page: str, heading: str) -> list[list[str]]:
    """The cells, as shown, of each row of the first table under a heading."""
    _, _, rest = page.partition(f">{heading}</h")
    assert rest, f"no heading '{heading}' on the page"
    body = re.search(r"<tbody>(.*?)</tbody>", rest, re.DOTALL)
    assert body, f"no table under '{heading}'"
    rows = re.findall(r"<tr>(.*?)</tr>", body[1], re.DOTALL)
    return [[_text(cell) for cell in re.findall(r"<t[dh]\b.*?</t[dh]>", row)] for row in rows]


def _text(markup: str) -> str:
    return unescape(re.sub(r"<[^>]*>", " ", markup)).strip()
