"""Results of the exchange with an annotator: reports of sending, and the labels that came back."""

from __future__ import annotations

from dataclasses import dataclass, field

from utils.annotation.quality import LabelQuality
from utils.dataset.labeled import LabeledDataset
from utils.dataset.review import Review, ReviewState
from utils.issues import IssueReport
from utils.shapes.shapes import Shapes


@dataclass
class SyncReport:
    """Counts of a sync.

    Attributes:
        added: Tasks imported.
        already_there: Tiles whose task was there before.
        became_proposals: Annotations of earlier ingests, untouched, that are proposals now.
        waiting: Tasks of the project that nobody has submitted or skipped.
        issues: Tiles set aside or mended, and tasks that differ from their tile.
    """

    added: int = 0
    already_there: int = 0
    became_proposals: int = 0
    waiting: int = 0
    issues: IssueReport = field(default_factory=IssueReport)


@dataclass
class SendReport:
    """Counts of sending tiles with pre-annotations.

    Attributes:
        added: New tasks.
        updated: Tasks that were there and received the boxes.
        unchanged: Tasks that had the boxes already.
        issues: Tiles and boxes set aside or mended.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    issues: IssueReport = field(default_factory=IssueReport)


@dataclass
class ExportStatistics:
    """Tiles of an export, counted by their outcome.

    Attributes:
        reviewed: Tiles with an annotation that a person submitted or updated.
        ground_truth: Untouched tiles, kept with the ground truth they were sent with.
        unreviewed: Untouched tiles that were left out because the options say so.
        unlabeled: Tiles nobody has labelled yet, left out.
        skipped: Tiles people skipped, left out.
        boxes: Shapes on all tiles kept.
        accepted: Reviewed tiles whose proposed boxes were all left as they were.
        changed: Reviewed tiles where some of the proposed boxes were left.
        rejected: Reviewed tiles where none of the proposed boxes was left.
        drawn: Reviewed tiles for which nothing was proposed.
        newest_review: Time of the last review, as ISO 8601 in UTC; empty without any.
    """

    reviewed: int = 0
    ground_truth: int = 0
    unreviewed: int = 0
    unlabeled: int = 0
    skipped: int = 0
    boxes: int = 0
    accepted: int = 0
    changed: int = 0
    rejected: int = 0
    drawn: int = 0
    newest_review: str = ""

    def add(self, review: Review | None, reviewed: bool, shapes: Shapes) -> None:
        """Count a tile that is kept."""
        self.reviewed += reviewed
        self.ground_truth += not reviewed
        self.boxes += len(shapes)
        if review is not None and review.state != ReviewState.SKIPPED:
            setattr(self, review.state, getattr(self, review.state) + 1)
            self.newest_review = max(self.newest_review, review.at.isoformat())


@dataclass(frozen=True)
class ExportResult:
    """The labels that came back from an annotator.

    Attributes:
        dataset: The labelled tiles.
        issues: Tiles, tasks and boxes that were left out or mended.
        statistics: Tiles counted by their outcome.
        quality: Agreement of people with one another and with models.
    """

    dataset: LabeledDataset
    issues: IssueReport
    statistics: ExportStatistics
    quality: LabelQuality
