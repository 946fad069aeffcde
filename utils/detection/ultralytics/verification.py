"""Make sure that ultralytics trains on every image: it leaves images out with a line in its log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from utils.dataset.splits import Split
from utils.dataset.yolo import YoloDataset
from utils.detection.ultralytics.library import quiet
from utils.errors import DatasetError, DetectorError

_TRAINED_WITH = (Split.TRAIN, Split.VAL)


def require_all_readable(dataset: YoloDataset, *, single_class: bool = False) -> None:
    """Have ultralytics check every image and label that a training uses, before it begins.

    It keeps the result in its own caches, so that the training need not check again.

    Args:
        dataset: The dataset.
        single_class: Whether the training takes all classes for one.

    Raises:
        DatasetError: If it would leave an image out.
    """
    for split in _TRAINED_WITH:
        wanted, kept = (
            _classified(dataset, split)
            if _is_classified(dataset)
            else _labelled(dataset, split, single_class)
        )
        left_out = sorted(set(wanted) - set(kept))
        if left_out:
            reason = _reason(dataset, left_out[0])
            raise DatasetError(
                f"Ultralytics would leave out {len(left_out)} of {len(set(wanted))} images of the "
                f"{split} split, the first one since: {reason}. Mend these images or their labels, "
                "or take them out of the dataset."
            )


def require_all_used(tile_counts: dict[str, int], trainer: Any) -> None:
    """Compare the images that a trainer has loaded with those of the dataset, as it starts.

    Raises:
        DetectorError: If there are fewer.
    """
    if trainer.args.fraction != 1.0:  # the user wants fewer
        return
    loaders = {Split.TRAIN: trainer.train_loader, Split.VAL: getattr(trainer, "test_loader", None)}
    for split, loader in loaders.items():
        if loader is not None and len(loader.dataset) != tile_counts[split]:
            raise DetectorError(
                f"Ultralytics uses {len(loader.dataset)} of the {tile_counts[split]} images of the "
                f"{split} split. Run again with --verbose for the reasons."
            )


def _is_classified(dataset: YoloDataset) -> bool:
    return not dataset.kind.has_places


def _labelled(
    dataset: YoloDataset, split: Split, single_class: bool
) -> tuple[list[str], list[str]]:
    """The images of a split, and those that ultralytics keeps."""
    from ultralytics.cfg import get_cfg
    from ultralytics.data import build_yolo_dataset
    from ultralytics.data.utils import check_det_dataset

    with quiet():
        data = check_det_dataset(str(dataset.data_yaml))
        settings = get_cfg(overrides={"task": dataset.kind.value, "single_cls": single_class})
        wanted = _listed(data[split])
        try:
            found = build_yolo_dataset(settings, data[split], 1, data, mode="val", rect=False)
        except (RuntimeError, FileNotFoundError):  # it keeps none
            return wanted, []
    return wanted, found.im_files


def _listed(place: str) -> list[str]:
    """The images that a folder holds or a list names, as ultralytics names them."""
    path = Path(place)
    if path.is_dir():
        return [str(image) for image in path.iterdir()]
    lines = path.read_text(encoding="utf-8").split()
    return [line.replace("./", f"{path.parent}/", 1) for line in lines]


def _classified(dataset: YoloDataset, split: Split) -> tuple[list[str], list[str]]:
    from ultralytics.cfg import get_cfg
    from ultralytics.data.dataset import ClassificationDataset

    folder = dataset.root / split
    names = dict(enumerate(dataset.class_names))
    with quiet():
        found = ClassificationDataset(folder, get_cfg(), prefix=str(split), names=names)
    wanted = [str(image) for image in folder.glob("*/*")]
    return wanted, [sample[0] for sample in found.samples]


def _reason(dataset: YoloDataset, image: str) -> str:
    """Ultralytics' own words for an image that it leaves out."""
    from ultralytics.data.utils import img2label_paths, verify_image, verify_image_label

    if _is_classified(dataset):
        message = verify_image(((image, 0), ""))[-1]
    else:
        (label,) = img2label_paths([image])
        classes = len(dataset.class_names)
        message = verify_image_label((image, label, "", False, classes, 0, 0, False))[-1]
    return str(message or f"{image} is of no format that it reads").strip().rstrip(".")
