"""The scores of a bundle as it is packed, beside those of its detector on the same tiles."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from utils.errors import BundleError
from utils.evaluation.evaluation import Evaluation
from utils.files import write_whole
from utils.state_files import read_object

TOLERANCE = 0.005
_CARD = "packed.json"
_AGAIN = "Make it again with: python run.py --deploy"


@dataclass(frozen=True, slots=True)
class EarlierBundle:
    """The bundle before, for comparison.

    Attributes:
        version: Version of the model.
        scores: Its scores by name, as packed.
        same_tiles: Whether they are of the same tiles.
    """

    version: str
    scores: dict[str, float]
    same_tiles: bool


@dataclass(frozen=True, slots=True)
class PackedEvaluation:
    """Scores of a bundle beside those of its detector, on the same tiles.

    Attributes:
        model: Name of the model.
        version: Version of the model.
        digest: Identity of the bundle.
        evaluation: Evaluation of the bundle, through HTTP.
        own: Scores of the detector's own evaluation by name, as in `scores_of`.
        before: The bundle before, or None.
    """

    model: str
    version: str
    digest: str
    evaluation: Evaluation
    own: dict[str, float]
    before: EarlierBundle | None = None

    @property
    def scores(self) -> dict[str, float]:
        """Scores of the bundle by name."""
        return scores_of(self.evaluation)

    @property
    def differences(self) -> dict[str, float]:
        """Score of the bundle less that of its detector by name; nan where only one has a score."""
        packed = self.scores
        names = sorted(packed.keys() | self.own.keys())
        return {name: packed.get(name, math.nan) - self.own.get(name, math.nan) for name in names}

    @property
    def passes(self) -> bool:
        """Whether every score is within 0.005 of the detector's."""
        return all(abs(difference) <= TOLERANCE for difference in self.differences.values())

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        size = {name: _size(difference) for name, difference in self.differences.items()}
        worst = max(size, key=lambda name: size[name])
        what = f"bundle of version {self.version}"
        if self.passes:
            return (
                f"The {what} scores as its detector does: no score differs by more than "
                f"{size[worst]:.4f} ({TOLERANCE} is allowed)."
            )
        return (
            f"The {what} does not score as its detector does: {worst} is "
            f"{_shown(self.scores.get(worst))} packed and {_shown(self.own.get(worst))} in the "
            f"detector's own evaluation, and {TOLERANCE} is allowed."
        )

    def save(self, folder: Path) -> None:
        """Write `packed.json` and the evaluation with its pictures to `folder`."""
        self.evaluation.save(folder / "evaluation")
        card = {
            "model": self.model,
            "version": self.version,
            "digest": self.digest,
            "own": self.own,
            "before": asdict(self.before) if self.before else None,
            "passes": self.passes,
        }
        write_whole(folder / _CARD, json.dumps(card, indent=2))

    @classmethod
    def load(cls, folder: Path) -> PackedEvaluation:
        """Read the files that `save` wrote.

        Raises:
            BundleError: If they are damaged.
        """
        try:
            card: dict[str, Any] = read_object(folder / _CARD)
            before = EarlierBundle(**card["before"]) if card["before"] else None
            own = {str(name): float(score) for name, score in card["own"].items()}
            named = {key: str(card[key]) for key in ("model", "version", "digest")}
        except (OSError, KeyError, TypeError, ValueError, AttributeError):
            raise BundleError(
                f"The evaluation of a bundle in {folder} is damaged. {_AGAIN}"
            ) from None
        return cls(
            evaluation=Evaluation.load(folder / "evaluation"), own=own, before=before, **named
        )


def earlier_bundle(
    before: PackedEvaluation | None, packed: Evaluation, version: str
) -> EarlierBundle | None:
    """The bundle before, for comparison; None where there is none, or it is of this version.

    Args:
        before: Newest evaluation of a bundle of the model, or None.
        packed: Evaluation of the present bundle.
        version: Its version.
    """
    if before is None or before.version == version:
        return None if before is None else before.before
    same = before.evaluation.tiles_fingerprint == packed.tiles_fingerprint
    return EarlierBundle(before.version, before.scores, same_tiles=same)


def scores_of(evaluation: Evaluation) -> dict[str, float]:
    """The scores of an evaluation by name: the headline, and the average precisions by class."""
    scores = dict(evaluation.metrics)
    for name, own in evaluation.tile_scores.classes.items():
        by_class = {"F1": own.f1, "mAP50": own.map50, "mAP50-95": own.map50_95}
        scores |= {f"{name}: {metric}": v for metric, v in by_class.items() if v is not None}
    return scores


def _size(difference: float) -> float:
    return math.inf if math.isnan(difference) else abs(difference)


def _shown(score: float | None) -> str:
    return "without a score" if score is None else f"{score:.4f}"
