"""A promotion: the decision between two detectors, and an evaluation of each on the same tiles."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from utils.dataset.labeled import LabeledTile
from utils.dataset.splits import Split
from utils.detection.detector import Detector
from utils.errors import DetectorError
from utils.evaluation.comparison import Comparison, compare_predictions
from utils.evaluation.evaluate import evaluation_of
from utils.evaluation.evaluation import Evaluation
from utils.evaluation.options import EvaluationOptions, PromotionOptions
from utils.evaluation.predict_tiles import predict_tiles
from utils.evaluation.shadow_agreement import Shadowed, agreement_rule
from utils.files import write_whole
from utils.state_files import read_object

_CARD = "promotion.json"


@dataclass(frozen=True, slots=True)
class Promotion:
    """A decision about a promotion, with its evidence.

    Attributes:
        comparison: The decision.
        champion: Evaluation of the detector in production.
        challenger: Evaluation of the detector that would replace it, on the same tiles.
    """

    comparison: Comparison
    champion: Evaluation
    challenger: Evaluation

    def save(self, folder: Path) -> None:
        """Write `promotion.json` and both evaluations, each with its pictures, to `folder`."""
        self.champion.save(folder / "champion")
        self.challenger.save(folder / "challenger")
        write_whole(folder / _CARD, json.dumps(self.comparison.card(), indent=2))

    @classmethod
    def load(cls, folder: Path) -> Promotion:
        """Read the files that `save` wrote.

        Raises:
            DetectorError: If they are damaged, or were written by another version of Spyglass.
        """
        try:
            comparison = Comparison.from_card(read_object(folder / _CARD))
        except (OSError, KeyError, TypeError, ValueError, AttributeError):
            raise DetectorError(
                f"The comparison in {folder} is damaged. "
                "Make it again with: python run.py --promote production"
            ) from None
        return cls(
            comparison=comparison,
            champion=Evaluation.load(folder / "champion"),
            challenger=Evaluation.load(folder / "challenger"),
        )


def decide_promotion(
    champion: tuple[str, Detector],
    challenger: tuple[str, Detector],
    tiles: Sequence[LabeledTile],
    images: Mapping[str, Path],
    folder: Path,
    promotion: PromotionOptions,
    evaluation: EvaluationOptions,
    shadowed: Shadowed | None = None,
) -> Promotion:
    """Predict the same tiles once with both detectors; compare and evaluate the predictions.

    Args:
        champion: Version and detector now in production.
        challenger: Version and detector that would replace it.
        tiles: Tiles of test scenes that neither was trained on.
        images: The image of each tile as a local file, by tile id.
        folder: Receives the pictures.
        promotion: Conditions of the promotion.
        evaluation: Options of the evaluation.
        shadowed: Images from production that both predicted; by default none are asked for.

    Raises:
        DetectorError: If weights cannot be loaded, or the tiles have no true box.
        ImageError: If an image cannot be read.
    """
    _refuse_empty(tiles)
    detectors = [champion[1], challenger[1]]
    both = predict_tiles(detectors, tiles, images, evaluation)
    before, after = (
        evaluation_of(detector, own, tiles, folder / name, evaluation, split=Split.TEST)
        for name, detector, own in zip(("champion", "challenger"), detectors, both, strict=True)
    )
    comparison = compare_predictions(champion, challenger, both, tiles, promotion, evaluation)
    if shadowed is not None:
        agreement = agreement_rule(shadowed, promotion, evaluation)
        comparison = replace(comparison, rules=(*comparison.rules, agreement))
    return Promotion(comparison, before, after)


def _refuse_empty(tiles: Sequence[LabeledTile]) -> None:
    if not any(len(tile.shapes) for tile in tiles):
        raise DetectorError(
            "The test tiles have no boxes, so no detector can be better on them. Label some, or "
            'promote with a reason: python run.py --promote production --force --reason "..."'
        )
