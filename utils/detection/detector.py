"""The detector: the result of a training, complete in itself."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

from utils.errors import DetectorError
from utils.files import sha256_of, write_whole, written_whole
from utils.geometry import FloatArray
from utils.shapes.shapes import ShapeKind
from utils.state_files import read_object

_FORMAT = "detector/1"
_CARD = "detector.json"
_ULTRALYTICS_CONFIDENCE = 0.25
LEAST_SCORE = 0.001  # nothing below is predicted
_SMALL = 0.01
FAINT_SHARE = 0.5  # of the minimum score of a box that is kept: boxes above it are counted
# A detector that cannot be loaded cannot be compared either.
_AGAIN = (
    "Train it again with: python run.py --training --local, then put the new one in its place "
    'with: python run.py --promote production --force --reason "..."'
)
# Bounds logits: scores of 0 and 1 have none.
_EDGE = 1e-4


@dataclass(frozen=True, slots=True)
class Platt:
    """A calibration: the logit of the probability is `slope * logit(score) + shift`.

    Platt 1999, "Probabilistic Outputs for Support Vector Machines".

    Attributes:
        slope: Slope, at least 0; 1 with a shift of 0 leaves scores as they are.
        shift: Shift, above 0 if scores are too low.
    """

    slope: float
    shift: float

    def probability(self, scores: FloatArray) -> FloatArray:
        """The probability of true positives, shape (n,), from scores of boxes, shape (n,)."""
        return np.asarray(1 / (1 + np.exp(-(self.slope * logit(scores) + self.shift))))


def readable_score(score: float) -> str:
    """Write a score with two decimals, or three where two would hide it."""
    return f"{score:.2f}" if score >= _SMALL else f"{score:.3f}"


def reached_by(boxes: int, faint: int, kind: ShapeKind) -> str:
    """Say how many shapes reach a minimum score, and how many only half of it."""
    return f"{boxes} {kind.noun} reach it and {faint} more reach only half of it"


def logit(scores: FloatArray) -> FloatArray:
    """The logarithm of the odds, shape (n,), of scores in [0, 1], shape (n,)."""
    inside = np.clip(scores, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside / (1 - inside)))


@dataclass(frozen=True, slots=True)
class Detector:
    """Weights with everything needed to use them and to know where they come from.

    Attributes:
        best: Weights of the epoch with the best validation result, a local `.pt` file; or an
            exported network, `.onnx`, of a detector that was trained elsewhere.
        last: Weights of the last epoch.
        class_names: Class names in the order of the network's outputs.
        task: Ultralytics' name of the task, which is the kind of the shapes that it predicts.
        image_size: Side, in pixels, to which tiles were resized in training.
        checkpoint: Start of the training: a weights file or an architecture.
        arguments: Training arguments, as ultralytics names them.
        metrics: Metrics of the best epoch on the val split, such as `metrics/mAP50`.
        epochs: Number of trained epochs.
        data_fingerprint: Fingerprint of the dataset, from `YoloDataset.fingerprint`.
        run_fingerprint: Fingerprint of dataset, arguments and checkpoint together.
        mlflow_run_id: Id of the MLflow run with the record of the training, or None.
        record: Address of the record of the training in MLflow or W&B, or the folder of a W&B run
            that was not sent; empty where there is none.
        history: Metrics of each epoch by name, such as `metrics/mAP50`; `time` is in seconds since
            the training began, or was resumed. Empty for a detector that an earlier version of
            Spyglass trained.
        confidence: Minimum score of a box that counts as an object, chosen for the best F1 on val;
            None if it was not chosen.
        confidence_range: Range of the best confidence in nine of ten samples of val; None if it was
            not chosen, or on one group of scenes only.
        confidence_boxes: Number of true boxes of val that the choice rests on.
        confidence_doubt: Why no confidence could be chosen there, so that it is a fallback; empty
            if it was chosen.
        confidence_counts: Number of boxes predicted on val of at least the confidence, and of boxes
            between half of it and it; None for a detector that an earlier version trained.
        calibration: Calibration from scores to probabilities, fitted on val, or None.
        tile_side: Median longest side of the training tiles, in pixels; None for a detector that an
            earlier version of Spyglass trained.
        ground_sample_distance: Median length of a pixel on the ground in these tiles, in metres, or
            None if it is not known.
        recall_by_scale: Recall on val of objects shown larger or smaller than in training, by the
            factor, such as `{"1": 0.7, "0.5": 0.2}`, at its confidence; may be empty.
        head: Form of the outputs of an exported network, as in `Head`; empty for weights.
        origin: Origin of a detector that was trained elsewhere; empty for one trained here.
    """

    best: Path
    last: Path
    class_names: tuple[str, ...]
    task: str
    image_size: int
    checkpoint: str
    arguments: dict[str, Any]
    metrics: dict[str, float]
    epochs: int
    data_fingerprint: str
    run_fingerprint: str
    mlflow_run_id: str | None = field(default=None)
    record: str = ""
    history: tuple[dict[str, float], ...] = ()
    confidence: float | None = field(default=None)
    confidence_range: tuple[float, float] | None = None
    confidence_boxes: int = 0
    confidence_doubt: str = ""
    confidence_counts: tuple[int, int] | None = None
    calibration: Platt | None = None
    tile_side: int | None = None
    ground_sample_distance: float | None = None
    recall_by_scale: dict[str, float] = field(default_factory=dict)
    head: str = ""
    origin: str = ""

    @property
    def is_exported(self) -> bool:
        """Whether it is a network in ONNX, of one image size, without weights to train on."""
        return self.best.suffix == ".onnx"

    @property
    def kind(self) -> ShapeKind:
        """The kind of the shapes that it predicts."""
        return ShapeKind(self.task)

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the best weights, in hex: the identity of its predictions."""
        return sha256_of(self.best)

    @property
    def seconds(self) -> float:
        """Time of the training; `time` in the history begins anew where it was resumed."""
        times = [epoch.get("time", 0.0) for epoch in self.history]
        parts = pairwise(times)
        return sum(before for before, after in parts if after < before) + sum(times[-1:])

    def least_score(self, wanted: float | Literal["auto"] = "auto") -> float:
        """The minimum score of a box that is kept.

        Args:
            wanted: The score; "auto" is the confidence chosen in training; if none was, it is
                ultralytics' own, and 0 for classes of whole images.
        """
        if wanted != "auto":
            return wanted
        if not self.kind.has_places and self.confidence is None:
            return 0.0  # the best class of an image is an answer, however unsure
        return _ULTRALYTICS_CONFIDENCE if self.confidence is None else self.confidence

    def least_score_chosen(self, wanted: float | Literal["auto"] = "auto") -> str:
        """How `least_score` was chosen, in words."""
        if wanted != "auto":
            return "in the configuration"
        if not self.kind.has_places and self.confidence is None:
            return "as every class of an image has a score"
        if self.confidence is None:
            return "nowhere: ultralytics' default"
        if self.confidence_doubt:
            return f"as a fallback, since {self.confidence_doubt}"
        if not self.confidence_boxes:
            return "on val"
        sure = "of one scene, so how sure it is is not known"
        if self.confidence_range is not None:
            low, high = self.confidence_range
            sure = f"where the best lies between {low:.2f} and {high:.2f}"
        return f"on {self.confidence_boxes} objects of val, {sure}{self._probability_there()}"

    def threshold(self) -> str:
        """The minimum score and how it was chosen, with the shapes of val that reach it.

        Empty for classes of whole images: the best class of an image is its answer.
        """
        if not self.kind.has_places:
            return ""
        told = f"{readable_score(self.least_score())}, chosen {self.least_score_chosen()}"
        if self.confidence_counts is None:
            return told
        return f"{told}; {reached_by(*self.confidence_counts, self.kind)} on val"

    def _probability_there(self) -> str:
        if self.calibration is None or self.confidence is None:
            return ""
        (probability,) = self.calibration.probability(np.array([self.confidence]))
        return f"; one of it is right in {probability:.0%} of cases"

    def save(self, folder: Path) -> None:
        """Write the detector to `folder`: `best.pt`, `last.pt` and `detector.json`."""
        names = {role: f"{role}{self.best.suffix}" for role in ("best", "last")}
        for role, weights in (("best", self.best), ("last", self.last)):
            with written_whole(folder / names[role]) as partial:
                shutil.copyfile(weights, partial)
        card = {"format": _FORMAT, **asdict(self), **names}
        write_whole(folder / _CARD, json.dumps(card, indent=2))

    @classmethod
    def load(cls, folder: Path) -> Detector:
        """Read a detector written by `save`; no run folder is needed.

        Raises:
            DetectorError: If there is none in `folder`, or one of another format.
        """
        try:
            card = read_object(folder / _CARD)
        except (OSError, ValueError) as error:
            raise DetectorError(
                f"There is no detector in {folder}: {error}. "
                "Train one with: python run.py --training --local"
            ) from error
        if card.pop("format", None) != _FORMAT:
            raise DetectorError(
                f"The detector in {folder} was written by another version of Spyglass. {_AGAIN}"
            )
        try:
            detector = cls(**card)
            loaded = replace(
                detector,
                best=folder / detector.best,
                last=folder / detector.last,
                class_names=tuple(detector.class_names),
                history=tuple(detector.history),
                confidence_range=_pair(detector.confidence_range),
                confidence_counts=_counts(card.get("confidence_counts")),
                calibration=Platt(**card["calibration"]) if card.get("calibration") else None,
            )
        except (TypeError, ValueError, IndexError):
            raise _damaged(folder, _CARD) from None
        for weights in (loaded.best, loaded.last):
            # PyTorch writes zip files, whose contents come last; a network is checked when it runs.
            if not (weights.is_file() if loaded.is_exported else zipfile.is_zipfile(weights)):
                raise _damaged(folder, weights.name)
        return loaded


def _damaged(folder: Path, name: str) -> DetectorError:
    return DetectorError(
        f"The detector in {folder} is damaged: {name} is not whole. {_AGAIN}; or go back to an "
        "earlier one with: python run.py --rollback"
    )


def _counts(values: Any) -> tuple[int, int] | None:
    return None if values is None else (int(values[0]), int(values[1]))


def _pair(values: Any) -> tuple[float, float] | None:
    """A pair from a list, since JSON has no tuples."""
    return None if values is None else (float(values[0]), float(values[1]))
