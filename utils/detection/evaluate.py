"""How good a detector is on tiles it has never seen."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from utils.dataset.splits import Split
from utils.dataset.yolo import YoloDataset
from utils.detection.backend import choose_device, is_verbose, quiet
from utils.detection.callbacks import wait_for_plots
from utils.detection.checkpoint import load_weights
from utils.detection.detector import Detector
from utils.errors import DetectorError
from utils.files import write_whole

_FORMAT = "evaluation/1"
_CARD = "evaluation.json"
BACKGROUND = "background"
# Ultralytics' default for predicting.
_CONFIDENCE = 0.25


@dataclass(frozen=True, slots=True)
class ClassScores:
    """How well one class is found.

    Attributes:
        boxes: True boxes of the class.
        precision: At the confidence with the best F1.
        recall: At the same confidence.
        map50: Average precision at IoU 0.5.
        map50_95: The same, averaged over IoU 0.5 to 0.95 (COCO's measure).
    """

    boxes: int
    precision: float
    recall: float
    map50: float
    map50_95: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The scores of a detector on one split.

    Attributes:
        split: The split it was judged on.
        tiles: How many tiles that split has.
        metrics: `mAP50`, `mAP50-95`, `precision` and `recall` over all classes.
        classes: The scores of each class that has true boxes in the split.
        confusion: Counts of boxes of at least `confidence`; rows are predicted classes, columns
            true ones, and the last row and column stand for background.
        class_names: Of rows and columns, the last one being "background".
        pictures: Plots drawn by ultralytics, by name, such as `confusion_matrix`, `BoxPR_curve`.
        confidence: Above which a predicted box is counted in `confusion`.
    """

    split: str
    tiles: int
    metrics: dict[str, float]
    classes: dict[str, ClassScores]
    confusion: list[list[int]]
    class_names: tuple[str, ...]
    pictures: dict[str, Path] = field(default_factory=dict)
    confidence: float = _CONFIDENCE

    def save(self, folder: Path) -> None:
        """Write `evaluation.json` and the pictures to `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        for picture in self.pictures.values():
            if picture.parent.absolute() != folder.absolute():
                shutil.copyfile(picture, folder / picture.name)
        card = asdict(self) | {
            "format": _FORMAT,
            "pictures": {name: picture.name for name, picture in self.pictures.items()},
        }
        write_whole(folder / _CARD, json.dumps(card, indent=2))

    @classmethod
    def load(cls, folder: Path) -> Evaluation:
        """Read an evaluation written by `save`.

        Raises:
            DetectorError: If there is none in `folder`, or one of another format.
        """
        try:
            card = json.loads((folder / _CARD).read_text())
        except (OSError, ValueError) as error:
            raise DetectorError(f"There is no evaluation in {folder}: {error}.") from error
        if card.pop("format", None) != _FORMAT:
            raise DetectorError(f"The evaluation in {folder} was written by another version.")
        card["classes"] = {name: ClassScores(**scores) for name, scores in card["classes"].items()}
        card["class_names"] = tuple(card["class_names"])
        card["pictures"] = {name: folder / file for name, file in card["pictures"].items()}
        return cls(**card)


def evaluate_detector(
    detector: Detector,
    dataset: YoloDataset,
    folder: Path,
    *,
    device: str = "auto",
) -> Evaluation:
    """Judge the best weights of a detector on the test split, or on val where that is empty.

    Args:
        detector: Whose `best` weights are judged.
        dataset: With the classes of the detector.
        folder: Receives the pictures.
        device: As in `TrainingOptions.device`; of several GPUs the first is used.

    Raises:
        DetectorError: If the weights cannot be loaded or the split has no tiles.
    """
    split = Split.TEST if dataset.tile_counts[Split.TEST] else Split.VAL
    if not dataset.tile_counts[split]:
        raise DetectorError(f"There are no tiles in the {split} split to judge the detector on.")
    model = load_weights(detector.best)
    model.add_callback("on_val_batch_start", _count_confident_boxes)
    with quiet():
        scores = model.val(
            data=str(dataset.data_yaml),
            split=split.value,
            imgsz=detector.image_size,
            device=choose_device(device).split(",")[0],
            plots=True,
            save_dir=str(folder.absolute()),
            verbose=is_verbose(),
        )
    wait_for_plots()
    return Evaluation(
        split=split.value,
        tiles=dataset.tile_counts[split],
        metrics=_overall(scores.box),
        classes=_per_class(scores, dataset.class_names),
        confusion=scores.confusion_matrix.matrix.astype(int).tolist(),
        class_names=(*dataset.class_names, BACKGROUND),
        pictures=_pictures(folder),
    )


def _count_confident_boxes(validator: Any) -> None:
    """Leave boxes of low confidence out of the confusion matrix.

    For average precision ultralytics predicts down to a confidence of 0.001, and it would count all
    of these boxes as taking background for an object.
    """
    matrix = validator.confusion_matrix
    if validator.batch_i is None:
        count = matrix.process_batch
        matrix.process_batch = lambda found, truth, **_: count(found, truth, conf=_CONFIDENCE)


def _overall(box: Any) -> dict[str, float]:
    return {
        "mAP50": float(box.map50),
        "mAP50-95": float(box.map),
        "precision": float(box.mp),
        "recall": float(box.mr),
    }


def _per_class(scores: Any, class_names: tuple[str, ...]) -> dict[str, ClassScores]:
    found = {}
    for row, index in enumerate(scores.box.ap_class_index):
        precision, recall, map50, map50_95 = (float(value) for value in scores.class_result(row))
        found[class_names[index]] = ClassScores(
            int(scores.nt_per_class[index]), precision, recall, map50, map50_95
        )
    return found


def _pictures(folder: Path) -> dict[str, Path]:
    files = sorted([*folder.glob("*.png"), *folder.glob("*.jpg")])
    return {file.stem: file for file in files}
