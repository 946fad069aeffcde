"""A promotion as a whole: the decision, and how each of the two did on the same tiles."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.dataset.labeled import LabeledTile
from utils.dataset.splits import Split
from utils.detection.detector import Detector
from utils.errors import DetectorError
from utils.evaluation.comparison import Comparison, compare_looks
from utils.evaluation.evaluate import evaluation_of
from utils.evaluation.evaluation import Evaluation
from utils.evaluation.options import EvaluationOptions, PromotionOptions
from utils.evaluation.predict_tiles import look_at_tiles
from utils.files import write_whole
from utils.state_files import read_object

_CARD = "promotion.json"


@dataclass(frozen=True, slots=True)
class Contest:
    """The decision of a promotion with what it rests on.

    Attributes:
        comparison: The decision.
        champion: The evaluation of the detector in production.
        challenger: That of the one that would replace it, on the same tiles.
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
    def load(cls, folder: Path) -> Contest:
        """Read what `save` wrote.

        Raises:
            DetectorError: If it is damaged, or was written by another version of Spyglass.
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


def hold_contest(
    champion: tuple[str, Detector],
    challenger: tuple[str, Detector],
    tiles: Sequence[LabeledTile],
    images: Mapping[str, Path],
    folder: Path,
    promotion: PromotionOptions,
    evaluation: EvaluationOptions,
) -> Contest:
    """Let both look at the same tiles once; decide, and judge each.

    Args:
        champion: Version and detector now in production.
        challenger: Version and detector that would replace it.
        tiles: Of test scenes that neither has learnt from.
        images: The image of each tile as a local file, by tile id.
        folder: Receives the pictures.
        promotion: What is asked of the challenger.
        evaluation: How both look.

    Raises:
        DetectorError: If weights cannot be loaded, or the tiles have no true box.
        ImageError: If an image cannot be read.
    """
    _refuse_empty(tiles)
    detectors = [champion[1], challenger[1]]
    looks = look_at_tiles(detectors, tiles, images, evaluation)
    before, after = (
        evaluation_of(detector, look, tiles, folder / name, evaluation, split=Split.TEST)
        for name, detector, look in zip(("champion", "challenger"), detectors, looks, strict=True)
    )
    comparison = compare_looks(champion, challenger, looks, tiles, promotion, evaluation)
    return Contest(comparison, before, after)


def _refuse_empty(tiles: Sequence[LabeledTile]) -> None:
    if not any(len(tile.boxes) for tile in tiles):
        raise DetectorError(
            "The test tiles have no boxes, so no detector can be better on them. Label some, or "
            'promote with a reason: --promote production --force --reason "..."'
        )
