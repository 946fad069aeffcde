"""Count the objects, with an interval for each count."""

from __future__ import annotations

from typing import Annotated

from zenml import step

from records.annotator import connect_label_studio
from records.running_step import log_figures, scratch_folder
from utils.annotation.label_studio.data_manager import skipped_tiles
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.counting.counts import Counts
from utils.counting.options import CountOptions
from utils.counting.outputs import write_counts
from utils.counting.plan import unreadable_tiles
from utils.counting.report import count_report
from utils.counting.survey import Survey
from utils.dataset.labeled import LabeledDataset
from utils.issues import IssueReport
from utils.reports.count_page import count_page
from utils.tiling.manifest import TileManifest


@step(enable_cache=False)  # people may have skipped tiles since
def estimate_counts(
    survey: Survey,
    manifest: TileManifest,
    label_studio: LabelStudioOptions,
    count: CountOptions,
    labels: LabeledDataset | None = None,
) -> tuple[Annotated[Counts, "counts"], Annotated[IssueReport, "count_issues"]]:
    """Estimate the counts from the reviewed draws, and write the table, its files and the page."""
    issues, folder = IssueReport(), scratch_folder()
    skipped = skipped_tiles(connect_label_studio(label_studio), label_studio.project)
    unreadable = unreadable_tiles(survey, manifest)
    report = count_report(survey, labels or (), skipped, count, issues, unreadable)
    tiles = {tile.tile_id: tile for tile in manifest}
    page = folder / "counts.html"
    page.write_text(count_page(report, tiles), encoding="utf-8")
    counts = write_counts(report, folder, page, issues)
    log_figures({"answer": report.answer(), "advice_next": report.advice()}, "counts")
    return counts, issues
