"""Drift put in on purpose: after how many images it is found, and how often where there is none.

Run it with `python -m benchmarks.monitoring`. A detector learns from synthetic harbours and is
packed as for a service; the service's own code notes its predictions on harbours that it has never
seen, as they are and drifted. Samples of these notes are compared with the reference by three
rules: that of `--monitor`, one that alarms where any p-value is below 0.05, and one that alarms
where the mean number or score of the objects moved by a tenth. Reference and sample are drawn anew
many times, so that the shares of alarms are those of all references, and not of a lucky one.

Then the cost of a note: an answer with and without notes, in turn, in processor time. It ends with
exit code 1 when a bar is missed. The detector starts from the weights in `../shared/data` (or
`$SPYGLASS_SHARED_DATA`); without them there is nothing to measure, and it says so.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.bars import Bar, exit_code
from benchmarks.harbour_drift import (
    CLASS_NAMES,
    SIDE,
    Drifted,
    Pixels,
    drifts,
    harbour,
    shapes_of,
)
from benchmarks.mosaic import shared_data
from benchmarks.note_cost import cost_of_features, cost_of_notes
from utils.dataset.labeled import LabeledTile
from utils.dataset.splits import Split
from utils.dataset.yolo import YoloDataset, write_yolo_dataset
from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions
from utils.detection.ultralytics.options import TrainingOptions
from utils.detection.ultralytics.train import train_detector
from utils.files import sha256_of
from utils.geometry import FloatArray, Window
from utils.images.options import PixelOptions
from utils.monitoring.drift import Drift, drifts_of
from utils.monitoring.notes import Note
from utils.monitoring.options import DriftOptions
from utils.monitoring.quantities import values_of
from utils.monitoring.tables import SCHEMA, to_row
from utils.progress import progress
from utils.serving.packing import Packed, pack_detector
from utils.serving.reference import ReferenceTiles
from utils.serving.service.detector import PackedDetector
from utils.tiling.tile import tile_id_of

TRAIN, VAL, TEST = 96, 12, 40
EPOCHS = 6
USUAL, CHANGED = 260, 60  # harbours as they are, and harbours of each drift
REFERENCE = 120  # of the harbours as they are
SCENES, TILES_A_SIDE = 12, 4  # large harbours, cut into tiles
SIZES = (20, 30, 40, 60)
TRIALS = 40  # of each drift and size
UNDRIFTED_TRIALS = 200
FOUND = 0.95  # share of the trials from which a drift counts as found
CONFIDENCE = 0.25
RULE = DriftOptions()
# Twice the stated share of false alarms, since 200 trials tell it no better.
FALSE_ALARM_BAR = 2 * RULE.false_alarms
NOTE_BAR, FEATURES_BAR = 0.05, 0.02

Values = dict[str, FloatArray]
RULES = ("monitor", "p-value", "mean")


@dataclass(frozen=True, slots=True)
class Shares:
    """The share of trials in which each rule alarms, by size of the sample."""

    of: dict[int, dict[str, float]]

    def images(self, rule: str) -> str:
        """The least number of images from which a rule alarms in nearly every trial."""
        found = [size for size, shares in self.of.items() if shares[rule] >= FOUND]
        return str(found[0]) if found else f"> {max(self.of)}"


def main(arguments: Sequence[str]) -> int:
    """Measure everything, and print each bar; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=shared_data() / "weights" / "yolov8n.pt")
    weights = parser.parse_args(arguments).weights
    if not weights.is_file():
        print(f"There are no weights at {weights}: nothing is measured.")
        return 0
    with TemporaryDirectory() as name:
        folder = Path(name)
        detector = packed(weights, folder)
        shares = {title: measured(notes) for title, notes in samples(detector, folder)}
        notes, features = cost_of_notes(folder), cost_of_features(folder)
    show(shares)
    undrifted = [one for title, one in shares.items() if title.startswith("as before")]
    worst = max(share["monitor"] for one in undrifted for share in one.of.values())
    found = [one for title, one in shares.items() if not title.startswith("as before")]
    missed = sum(one.images("monitor").startswith(">") for one in found)
    return exit_code(
        "monitoring",
        [
            Bar("share of looks that find drift where there is none", worst, FALSE_ALARM_BAR),
            Bar(f"drifts that {max(SIZES)} images do not show", missed, 0),
            Bar("cost of a note: share of an answer, 640 px", notes, NOTE_BAR),
            Bar("cost of the features: share of a window", features, FEATURES_BAR),
        ],
    )


# --- the detector --------------------------------------------------------------------------------


def packed(weights: Path, folder: Path) -> PackedDetector:
    """A detector of vessels and boats in harbours, as a service loads it."""
    tiles = [tile_of(number, folder / "tiles") for number in range(TRAIN + VAL + TEST)]
    splits = {tile.scene_id: split_of(index) for index, tile in enumerate(tiles)}
    images = {tile.tile_id: Path(tile.uri) for tile in tiles}
    dataset = write_yolo_dataset(tiles, CLASS_NAMES, splits, images, folder / "yolo")
    detector = trained(dataset, weights)
    test = tiles[TRAIN + VAL :]
    options = InferenceOptions(
        tile_size=SIDE, overlap=64, confidence=CONFIDENCE, device="cpu", imgsz=SIDE // 2
    )
    reference = ReferenceTiles(tiles[:TRAIN], test, images)
    image = np.asarray(Image.open(test[0].uri))
    facts = Packed("harbours", "1")
    bundle = pack_detector(detector, options, image, facts, folder / "bundle", reference)
    return PackedDetector.load(bundle.folder, 1)


def trained(dataset: YoloDataset, weights: Path) -> Detector:
    """A detector after a short training from given weights."""
    options = TrainingOptions(
        model_checkpoint=str(weights),
        epochs=EPOCHS,
        imgsz=SIDE // 2,
        batch=8,
        device="cpu",
        arguments={"optimizer": "AdamW", "lr0": 0.001, "momentum": 0.9, "plots": False},
    )
    return train_detector(dataset, options)


def tile_of(number: int, folder: Path) -> LabeledTile:
    """A harbour as a labelled tile that is a whole scene."""
    drawn = harbour(number, seed=5)
    path, scene = folder / f"{number}.png", f"harbour/{number}.png"
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(drawn.pixels).save(path, compress_level=1)
    window = Window(x=0, y=0, width=SIDE, height=SIDE)
    name = tile_id_of(scene, window)
    return LabeledTile(name, scene, window, str(path), sha256_of(path), shapes_of(drawn))


def split_of(index: int) -> Split:
    """The split of a tile, by its number."""
    if index < TRAIN:
        return Split.TRAIN
    return Split.VAL if index < TRAIN + VAL else Split.TEST


# --- samples -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sample:
    """Notes to draw from.

    Attributes:
        usual: Notes of harbours as they are, from which the reference is drawn.
        other: Notes to compare with it; None for others of the usual ones.
        group: Number of neighbouring notes that are drawn together.
    """

    usual: pa.Table
    other: pa.Table | None = None
    group: int = 1


def samples(detector: PackedDetector, folder: Path) -> Iterator[tuple[str, Sample]]:
    """Yield the notes of harbours as they are, and of each drift."""
    usual = noted(detector, lambda number: [harbour(number, 77).pixels], USUAL, folder, "usual")
    yield "as before", Sample(usual)
    tiles = noted(detector, tiles_of, SCENES, folder, "tiles of large harbours")
    yield "as before, tiles of few scenes", Sample(tiles, group=TILES_A_SIDE**2)
    for title, drifted in drifts(99).items():
        other = noted(detector, one_of(drifted), CHANGED, folder, title)
        yield title, Sample(usual, other)


def one_of(drifted: Drifted) -> Callable[[int], Sequence[Pixels]]:
    """A drifted harbour as the only picture of its scene."""
    return lambda number: [drifted(number)]


def tiles_of(number: int) -> Sequence[Pixels]:
    """A large harbour in tiles."""
    side = TILES_A_SIDE * SIDE
    pixels = harbour(number, 55, side, 24 * TILES_A_SIDE**2).pixels
    edges = list(pairwise(range(0, side + 1, SIDE)))
    return [pixels[top:bottom, left:right] for top, bottom in edges for left, right in edges]


def noted(
    detector: PackedDetector,
    scene: Callable[[int], Sequence[Pixels]],
    count: int,
    folder: Path,
    title: str,
) -> pa.Table:
    """Predict some scenes as the service does, and note them."""
    path, rows = folder / "image.png", []
    with progress(f"Predicting harbours: {title}", count) as advance:
        for number in range(count):
            for pixels in scene(number):
                Image.fromarray(pixels).save(path, compress_level=0)
                scan = detector.scan(path, {}, PixelOptions())
                for seen in (seen for row in scan.rows() for seen in row.seen):
                    facts = seen.facts(scan.confidence, detector.outliers)
                    rows.append(to_row(Note(time=0.0, id=str(len(rows)), **facts).as_promised()))
            advance(1)
    return pa.Table.from_pylist(rows, schema=SCHEMA)


# --- rules ---------------------------------------------------------------------------------------


def measured(sample: Sample) -> Shares:
    """The share of trials in which each rule alarms, by size of the sample."""
    random = np.random.default_rng(18)
    trials = UNDRIFTED_TRIALS if sample.other is None else TRIALS
    sizes = SIZES if sample.group == 1 else tuple(sample.group * scenes for scenes in (2, 3, 6))
    return Shares({size: _shares(sample, size, trials, random) for size in sizes})


def _shares(
    sample: Sample, size: int, trials: int, random: np.random.Generator
) -> dict[str, float]:
    alarms = [_trial(sample, size, random) for _ in range(trials)]
    return {rule: float(np.mean([one[rule] for one in alarms])) for rule in RULES}


def _trial(sample: Sample, size: int, random: np.random.Generator) -> dict[str, bool]:
    drawn = _drawn(sample.usual, sample.group, random)
    reference_size = REFERENCE if sample.group == 1 else len(drawn) // 2
    reference, rest = drawn[:reference_size], drawn[reference_size:]
    if sample.other is None:
        current = sample.usual.take(rest[:size])
    else:
        current = sample.other.take(_drawn(sample.other, 1, random)[:size])
    usual, now = _values(sample.usual.take(reference)), _values(current)
    groups = reference_size // sample.group, size // sample.group
    found = drifts_of(usual, now, RULE, size, groups)
    return {
        "monitor": any(one.found for one in found),
        "p-value": any(one.p_value < 0.05 for one in found),
        "mean": any(_has_moved(one) for one in found if one.quantity in ("objects", "score")),
    }


def _drawn(notes: pa.Table, group: int, random: np.random.Generator) -> list[int]:
    """The rows in random order, groups of neighbours together."""
    rows = np.arange(notes.num_rows).reshape(-1, group)
    return [int(row) for row in random.permutation(rows).ravel()]


def _values(notes: pa.Table) -> Values:
    return values_of(notes, CONFIDENCE, CLASS_NAMES)


def _has_moved(one: Drift) -> bool:
    return abs(one.mean / one.reference_mean - 1) > 0.1


def show(shares: dict[str, Shares]) -> None:
    """Print the images that each rule needs, and how often it alarms without drift."""
    table = Table("harbours", *RULES, title="images until a drift is found; share of alarms")
    for title, one in shares.items():
        if title.startswith("as before"):
            worst = {rule: max(share[rule] for share in one.of.values()) for rule in RULES}
            table.add_row(f"{title} (false alarms)", *(f"{worst[rule]:.1%}" for rule in RULES))
        else:
            table.add_row(title, *(one.images(rule) for rule in RULES))
    Console(width=110).print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
