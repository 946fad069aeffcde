"""Options of an export, the same for every annotation tool."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from utils.options import Options


class ExportOptions(Options):
    """Options of an export: untouched tasks, waiting time, and the limit for bad tiles."""

    unreviewed: Literal["keep_ground_truth", "skip"] = "keep_ground_truth"
    """Tasks that nobody has touched since the ingest sent them: keep the ground truth they were
    sent with, or leave them out. Untouched tasks without ground truth are always left out."""

    timeout_s: float = Field(default=1800.0, gt=0)
    """Seconds to wait for Label Studio to prepare the export."""

    max_bad_share: float = Field(default=0.1, ge=0, le=1)
    """Stop with an error when a larger share of the tiles cannot be used."""
