"""The columns of shapes in every table: hulls, class names, scores, kind, outlines as WKB."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from utils.shapes.outlines import from_wkb, to_wkb
from utils.shapes.shapes import ShapeKind, Shapes
from utils.tables import STRINGS

BOXES = pa.list_(pa.list_(pa.float64(), 4))
_OUTLINES = pa.list_(pa.binary())
_KIND = "kind"


def shape_fields(prefix: str = "", *, scored: bool = False) -> list[tuple[str, pa.DataType]]:
    """The columns of a set of shapes.

    Args:
        prefix: Text before the name of each column.
        scored: Whether the shapes have scores.
    """
    scores = [(f"{prefix}scores", pa.list_(pa.float64()))] if scored else []
    return [
        (f"{prefix}boxes", BOXES),
        (f"{prefix}labels", STRINGS),
        *scores,
        (f"{prefix}kind", pa.string()),
        (f"{prefix}outlines", _OUTLINES),
    ]


def to_columns(shapes: Shapes | None, prefix: str = "", *, scored: bool = False) -> dict[str, Any]:
    """The values of the columns; no shapes for None."""
    shapes = Shapes() if shapes is None else shapes
    outlines = None if shapes.outlines is None else to_wkb(shapes.outlines)
    scores = {f"{prefix}scores": shapes.confidences.tolist()} if scored else {}
    return {
        f"{prefix}boxes": shapes.xyxy.tolist(),
        f"{prefix}labels": list(shapes.labels),
        **scores,
        f"{prefix}kind": shapes.kind.value,
        f"{prefix}outlines": outlines,
    }


def from_columns(row: Mapping[str, Any], prefix: str = "", *, scored: bool = False) -> Shapes:
    """The shapes in a row; rows of tables from before there were outlines hold upright boxes."""
    outlines = row.get(f"{prefix}outlines")
    return Shapes(
        np.array(row[f"{prefix}boxes"], dtype=np.float64).reshape(-1, 4),
        tuple(row[f"{prefix}labels"]),
        np.array(row[f"{prefix}scores"], dtype=np.float64) if scored else None,
        None if outlines is None else from_wkb(outlines),
        ShapeKind(row.get(f"{prefix}kind") or ShapeKind.DETECT),
    )


def kind_in(footer: Mapping[str, str]) -> ShapeKind:
    """The kind of the shapes of a table, from its footer; older tables hold upright boxes."""
    return ShapeKind(footer.get(_KIND, ShapeKind.DETECT))


def with_kind(kind: ShapeKind) -> dict[str, str]:
    """The footer of a table whose shapes are all of a kind."""
    return {_KIND: kind.value}
