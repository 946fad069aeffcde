"""Divide the scenes of a source into shards."""

from __future__ import annotations

from typing import Annotated

from zenml import step

from records.running_step import log_figures
from records.sources import opened_source
from utils.scenes import shards as sharing
from utils.scenes.held_shapes import chosen_kind, held_shapes
from utils.scenes.options import SourceOptions
from utils.scenes.selection import Selection
from utils.scenes.shards import Shards
from utils.shapes.shapes import ShapeKind


@step
def plan_shards(
    source: SourceOptions, shards: Shards, kind: ShapeKind | None = None
) -> tuple[Annotated[list[Selection], "shards"], Annotated[str, "kind"]]:
    """Decide which scenes belong to each shard, and to which kind their labels are brought."""
    opened = opened_source(source)
    held = held_shapes(opened)
    chosen = chosen_kind(opened.name, held, kind)
    log_figures({"held": str(held)}, "kind")
    return sharing.plan_shards(opened, shards), chosen.value
