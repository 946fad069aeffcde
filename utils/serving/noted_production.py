"""The images that the service of a model was sent, noted and kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from utils.dataset.likeness import Likeness
from utils.feedback.options import FeedbackOptions
from utils.feedback.production import KEEP, Production, production_of, require_kept
from utils.issues import IssueReport
from utils.monitoring.journal import IMAGES
from utils.monitoring.notes import Note
from utils.monitoring.tables import read_notes
from utils.serving.monitored import service_notes
from utils.serving.running import deploy_command

_DAY = 86_400.0


def noted_production(
    model: str,
    reference: Sequence[Note],
    feedback: FeedbackOptions,
    confidence: float,
    issues: IssueReport,
) -> Production:
    """The images that the service of a model noted and kept.

    Args:
        model: Name of the model.
        reference: Notes of the test split of the version that serves.
        feedback: Options of the choice.
        confidence: Minimum score of a box that counts.
        issues: Receives notes that cannot be read.

    Raises:
        ImageError: If none was kept.
    """
    folder = Path(feedback.notes) if feedback.notes else service_notes(model)
    notes = read_notes([folder], since=time.time() - feedback.days * _DAY)
    for damaged in notes.damaged:
        issues.add(str(folder), "notes that cannot be read", damaged, set_aside=False)
    likeness = Likeness(folder / "likeness.json")
    production = production_of(notes, folder / IMAGES, reference, likeness, confidence=confidence)
    require_kept(production, feedback.days, issues, keep=deploy_command(model, KEEP))
    return production
