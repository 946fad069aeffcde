"""The counts: one row for each group and class, with its interval."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from utils.tables import Table, versioned_schema

ALL_CLASSES = ""
_TYPES = {
    "str": pa.string(),
    "int": pa.int32(),
    "float": pa.float64(),
    "float | None": pa.float64(),
}


@dataclass(frozen=True, slots=True)
class CountRow:
    """The count of one group.

    Attributes:
        kind: Kind of the group: `everything`, `scene`, `tag`, `date`, `group` or `region`.
        group: Name of the group; empty for everything.
        label: Class; empty for all classes together.
        estimate: Estimated number of objects.
        low: Lower limit of the interval; None where too few tiles are reviewed to tell.
        high: Upper limit.
        predicted: Number of objects that the detector predicted.
        tiles: Number of tiles of the group.
        reviewed: Number of these that are reviewed and count.
        found: Number of objects that people found on them.
    """

    kind: str
    group: str
    label: str
    estimate: float
    low: float | None
    high: float | None
    predicted: float
    tiles: int
    reviewed: int
    found: int


SCHEMA = versioned_schema(
    "counts", 1, [(one.name, _TYPES[str(one.type)]) for one in fields(CountRow)]
)


def _to_row(count: CountRow) -> dict[str, Any]:
    return asdict(count)


def _to_count(row: dict[str, Any]) -> CountRow:
    return CountRow(**row)


@dataclass(frozen=True)
class Counts(Table[CountRow]):
    """Counts with intervals; the first row is everything, and the classes alone come next.

    The footer tells the survey, the kind of interval, and what is asked of people next.

    Attributes:
        files: Folder with `counts.csv`, and `counts.geojson` where scenes or regions know their
            place; None if it was not written.
        page: The page, or None.
    """

    files: Path | None = None
    page: Path | None = None

    schema: ClassVar[pa.Schema] = SCHEMA
    to_row = staticmethod(_to_row)
    from_row = staticmethod(_to_count)
