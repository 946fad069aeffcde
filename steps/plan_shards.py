"""Divide the scenes of a source into shards."""

from __future__ import annotations

from typing import Annotated

from zenml import step

from utils.scenes import shards as sharing
from utils.scenes.options import SourceOptions
from utils.scenes.selection import Selection
from utils.scenes.shards import Shards
from utils.scenes.sources import open_source


@step
def plan_shards(source: SourceOptions, shards: Shards) -> Annotated[list[Selection], "shards"]:
    """Decide how many shards there are and which scenes belong to each."""
    return sharing.plan_shards(open_source(source), shards)
