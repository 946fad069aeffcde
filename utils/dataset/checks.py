"""Faults of a labelled dataset, found before a training stumbles over them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from utils.dataset.box_checks import checked_boxes
from utils.dataset.images import ImageFacts, look_at_images
from utils.dataset.labeled import LabeledDataset, LabeledTile
from utils.dataset.options import CheckOptions
from utils.dataset.splits import Split
from utils.errors import DatasetError
from utils.issues import IssueReport
from utils.shapes.columns import with_kind
from utils.shapes.shapes import Shapes

BROKEN_IMAGE = "image does not decode"
NO_IMAGE = "label without image"
NO_LABEL = "image without label"
OTHER_SIZE = "image of another size"
TWO_SPLITS = "same image in two splits"
NOT_ONE_CLASS = "image without one class"
TOO_SMALL = "image too small"
UNSEEN_CLASS = "class never seen"

# The copy of an image that stays is the first of these: the test split is kept whole.
_KEPT_FIRST = (Split.TEST, Split.VAL, Split.TRAIN)
_LEAST_SIDE = 10  # pixels: ultralytics leaves out smaller images
_DEFAULTS = CheckOptions()
_NONE_REFUSED: Mapping[str, str] = {}

# The index of a split in `_KEPT_FIRST`, and a tile id.
_Place = tuple[int, str]


@dataclass(frozen=True, slots=True)
class DatasetStatistics:
    """The content of the splits after the checks.

    Attributes:
        tiles: The number of tiles in each split.
        empty_tiles: Number of tiles without a box.
        boxes: The number of boxes of each class in each split, as `boxes[split][class]`.
    """

    tiles: dict[str, int]
    empty_tiles: dict[str, int]
    boxes: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class CheckedDataset:
    """A dataset that can be trained on.

    Attributes:
        dataset: The tiles and boxes that passed.
        issues: Faults that were found, and items that were left out.
        statistics: Figures of the remaining tiles.
    """

    dataset: LabeledDataset
    issues: IssueReport
    statistics: DatasetStatistics


@dataclass
class _Tally:
    """Counts of what passed, by split and class."""

    tiles: Counter[Split] = field(default_factory=Counter)
    empty: Counter[Split] = field(default_factory=Counter)
    boxes: Counter[tuple[Split, str]] = field(default_factory=Counter)

    def add(self, split: Split, shapes: Shapes) -> None:
        self.tiles[split] += 1
        self.empty[split] += len(shapes) == 0
        self.boxes.update((split, label) for label in shapes.labels)

    def statistics(self, class_names: Iterable[str]) -> DatasetStatistics:
        names = list(class_names)
        return DatasetStatistics(
            tiles={split.value: self.tiles[split] for split in Split},
            empty_tiles={split.value: self.empty[split] for split in Split},
            boxes={
                split.value: {name: self.boxes[split, name] for name in names} for split in Split
            },
        )


def check_dataset(
    dataset: LabeledDataset,
    splits: Mapping[str, Split],
    images: Mapping[str, Path],
    path: Path,
    options: CheckOptions = _DEFAULTS,
    *,
    refusals: Mapping[str, str] = _NONE_REFUSED,
    all_tile_ids: Iterable[str] = (),
) -> CheckedDataset:
    """Find what is wrong with a dataset and write the rest of it to `path`.

    A tile is set aside when its image is missing, does not decode, is too small to train on or has
    another size than the label says, when the same picture is in another split (the copy in test
    stays, else the one in val), and when it has not one class where whole images have classes.
    Shapes are checked as `checked_boxes` says.

    Args:
        dataset: Read twice, as a stream.
        splits: The split of each scene.
        images: Local files by tile id; a tile without one counts as missing.
        path: Where to write the dataset that passed.
        options: Checks to make, and limits.
        refusals: Why an image could not be fetched, by its URI, where that is known.
        all_tile_ids: Tile ids of the manifest, to report tiles that nobody has labelled.

    Raises:
        DatasetError: If there are no tiles, or a scene has no split.
        TooManyIssuesError: If more tiles had to be set aside than the options allow.
    """
    if not len(dataset):
        raise DatasetError("The labelled dataset is empty. Label some tiles and export again.")
    issues, tally = IssueReport(), _Tally()
    facts = look_at_images(images, decode=options.decode_images)
    passed = _passed(dataset, splits, facts, refusals, issues, tally)
    checked = LabeledDataset.write(
        path, dataset.class_names, passed, footer=with_kind(dataset.kind)
    )
    issues.check_share(len(dataset), options.max_bad_share, "tiles", "checks.max_bad_share")
    _note_unlabeled(dataset, all_tile_ids, issues)
    _note_unseen(dataset, tally, issues)
    return CheckedDataset(checked, issues, tally.statistics(dataset.class_names))


def _split_of(tile: LabeledTile, splits: Mapping[str, Split]) -> Split:
    try:
        return Split(splits[tile.scene_id])
    except KeyError:
        raise DatasetError(
            f"Scene '{tile.scene_id}' has no split. Assign the splits from this very dataset."
        ) from None


def _first_places(
    dataset: LabeledDataset, splits: Mapping[str, Split], facts: Mapping[str, ImageFacts]
) -> dict[bytes, _Place]:
    """For each picture the place of the copy that stays, one that can be used."""
    places: dict[bytes, _Place] = {}
    for tile in dataset:
        seen = facts.get(tile.tile_id)
        if seen is not None and seen.digest is not None and _image_problem(tile, seen) is None:
            place = (_KEPT_FIRST.index(_split_of(tile, splits)), tile.tile_id)
            places[seen.digest] = min(places.get(seen.digest, place), place)
    return places


def _passed(
    dataset: LabeledDataset,
    splits: Mapping[str, Split],
    facts: Mapping[str, ImageFacts],
    refusals: Mapping[str, str],
    issues: IssueReport,
    tally: _Tally,
) -> Iterator[LabeledTile]:
    """Yield the tiles that can be trained on, with the boxes that can."""
    places = _first_places(dataset, splits, facts)
    class_names, kind = dataset.class_names, dataset.kind
    for tile in dataset:
        split, seen = _split_of(tile, splits), facts.get(tile.tile_id)
        if problem := _image_problem(tile, seen, refusals) or _leak(split, seen, places):
            issues.add(tile.tile_id, *problem)
            continue
        boxes = checked_boxes(tile, class_names, issues)
        if not kind.has_places and len(boxes) != 1:
            issues.add(tile.tile_id, NOT_ONE_CLASS, f"it has {len(boxes)} classes, and needs one")
            continue
        tally.add(split, boxes)
        yield replace(tile, shapes=boxes)


def _image_problem(
    tile: LabeledTile, seen: ImageFacts | None, refusals: Mapping[str, str] = _NONE_REFUSED
) -> tuple[str, str] | None:
    """The kind and the particulars of what makes a tile's image unusable, or None."""
    if seen is None or seen.missing:
        return NO_IMAGE, refusals.get(tile.uri, f"there is no image at {tile.uri}")
    if seen.problem:
        return BROKEN_IMAGE, seen.problem
    if min(seen.width, seen.height) < _LEAST_SIDE:
        size = f"{seen.width} by {seen.height} pixels"
        return TOO_SMALL, f"{size}, where a training needs {_LEAST_SIDE} each way"
    if (seen.width, seen.height) != (tile.window.width, tile.window.height):
        said = f"{tile.window.width} by {tile.window.height}"
        return OTHER_SIZE, f"{seen.width} by {seen.height} pixels where the label says {said}"
    return None


def _leak(
    split: Split, seen: ImageFacts | None, places: Mapping[bytes, _Place]
) -> tuple[str, str] | None:
    """The kind and the particulars of a picture that stays in another split, or None."""
    if seen is None or seen.digest is None:
        return None
    rank, first = places[seen.digest]
    if (stays_in := _KEPT_FIRST[rank]) == split:
        return None
    return TWO_SPLITS, f"the same picture is {first} in {stays_in}, where it stays"


def _note_unlabeled(
    dataset: LabeledDataset, all_tile_ids: Iterable[str], issues: IssueReport
) -> None:
    unlabeled = set(all_tile_ids)
    if unlabeled:
        unlabeled -= {tile.tile_id for tile in dataset}
    for tile_id in sorted(unlabeled):
        issues.add(tile_id, NO_LABEL, "nobody has labelled it yet", set_aside=False)


def _note_unseen(dataset: LabeledDataset, tally: _Tally, issues: IssueReport) -> None:
    one = dataset.kind.singular if dataset.kind.has_places else "image"
    for name in dataset.class_names:
        missing = [
            split.value for split in Split if tally.tiles[split] and not tally.boxes[split, name]
        ]
        if missing:
            detail = f"there is no {one} of it in {', '.join(missing)}"
            issues.add(f"class '{name}'", UNSEEN_CLASS, detail, set_aside=False)
