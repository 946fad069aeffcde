"""Groups of a survey that are counted apart: scenes, tags, dates, groups, regions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

from utils.counting.options import CountOptions
from utils.counting.survey import SurveyTile

EVERYTHING = "everything"
REGION = "region"
_DATE = re.compile(r"(?<!\d)((?:19|20)\d{2})([-_.]?)(\d{2})\2(\d{2})(?!\d)")
_NO_DATE = "no date"


def groups_of(tile: SurveyTile, options: CountOptions) -> Iterator[tuple[str, str]]:
    """Yield kind and name of each group that a tile belongs to as a whole.

    Args:
        tile: The tile.
        options: The kinds of groups.
    """
    yield EVERYTHING, ""
    for kind in dict.fromkeys(options.by):
        if kind == "scene":
            yield kind, tile.scene_id
        elif kind == "group":
            yield kind, tile.group
        elif kind == "date":
            yield kind, date_of([*tile.tags, tile.scene_id])
        else:
            yield from ((kind, tag) for tag in dict.fromkeys(tile.tags))


def date_of(texts: Sequence[str]) -> str:
    """The first date in some texts, as YYYY-MM-DD; `no date` where there is none.

    Dates are written as 2024-05-17, 2024_05_17, 2024.05.17 or 20240517.
    """
    for text in texts:
        for year, _, month, day in _DATE.findall(text):
            try:
                return date(int(year), int(month), int(day)).isoformat()
            except ValueError:
                continue  # 20241399 is a number
    return _NO_DATE
