"""Evaluate a bundle as it is packed: start it, and send it the test split."""

from __future__ import annotations

from typing import Annotated

from zenml import get_step_context, step

from records.bundles import note_verdict
from records.running_step import scratch_folder
from utils.dataset.labeled import LabeledDataset
from utils.dataset.local import local_images
from utils.dataset.splits import as_splits
from utils.detection.detector import Detector
from utils.evaluation import evaluate
from utils.evaluation.evaluation import Evaluation
from utils.evaluation.options import EvaluationOptions
from utils.evaluation.packed import PackedEvaluation, earlier_bundle
from utils.serving.bundle import Bundle
from utils.serving.packed_evaluation import evaluate_packed as evaluate_over_http
from utils.serving.packed_evaluation import own_scores
from utils.serving.process import serving


@step
def evaluate_packed(
    bundle: Bundle,
    detector: Detector,
    labels: LabeledDataset,
    splits: dict[str, str],
    recorded: Evaluation,
    before: PackedEvaluation | None,
    evaluation: EvaluationOptions,
) -> Annotated[PackedEvaluation, "packed_evaluation"]:
    """Evaluate the bundle on the detector's test split over HTTP, and compare the scores."""
    split, tiles = evaluate.unseen_tiles(labels, as_splits(splits))
    images, folder = local_images(tiles), scratch_folder()
    with serving(bundle, folder / "service") as client:
        packed = evaluate_over_http(
            bundle, client, detector, tiles, images, folder / "packed", evaluation, split=split
        )
    own = own_scores(
        recorded, bundle, detector, tiles, images, folder / "own", evaluation, split=split
    )
    result = PackedEvaluation(
        model=bundle.model,
        version=bundle.version,
        digest=bundle.digest,
        evaluation=packed,
        own=own,
        before=earlier_bundle(before, packed, bundle.version),
    )
    (stored,) = get_step_context().inputs["bundle"]
    note_verdict(stored, deployable=result.passes, verdict=result.verdict)
    return result
