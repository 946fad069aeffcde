"""The evaluation of a detector on unseen tiles, as it is stored."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from utils.errors import DetectorError
from utils.evaluation.options import BootstrapOptions
from utils.evaluation.scores import Scores
from utils.files import write_whole
from utils.shapes.outlines import from_geojson, to_geojson
from utils.shapes.shapes import ShapeKind, Shapes
from utils.state_files import read_object

_FORMAT = "evaluation/2"
_CARD = "evaluation.json"


@dataclass(frozen=True, slots=True)
class WorstTile:
    """One of the tiles with the most errors.

    Attributes:
        tile_id: Id of the tile.
        width: Width in pixels.
        height: Height in pixels.
        truth: True boxes, in tile coordinates.
        found: Predicted boxes of at least the confidence, with scores, in tile coordinates.
        errors: Number of TIDE errors by kind.
        picture: The tile as a small JPEG.
    """

    tile_id: str
    width: int
    height: int
    truth: Shapes
    found: Shapes
    errors: dict[str, int]
    picture: Path


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The scores of a detector on one split.

    Attributes:
        split: Split of the tiles.
        tile_scores: Scores of the tiles, each on its own.
        scene_scores: Scores of the scenes, after merging over tiles.
        milliseconds: Time for one tile, the median over batches; reading images is not counted.
        device: Device that predicted.
        worst: The tiles with the most errors, the worst first.
        bootstrap: Options of the intervals.
        tiles_fingerprint: SHA-256, in hex, over the tiles with their true boxes: scores on equal
            tiles can be compared. Empty in evaluations by earlier versions of Spyglass.
    """

    split: str
    tile_scores: Scores
    scene_scores: Scores
    milliseconds: float
    device: str
    worst: tuple[WorstTile, ...] = ()
    bootstrap: BootstrapOptions = field(default_factory=BootstrapOptions)
    tiles_fingerprint: str = ""

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return self.tile_scores.images

    @property
    def metrics(self) -> dict[str, float]:
        """Headline scores: `mAP50`, `mAP50-95`, `precision`, `recall`, `F1` of tiles and scenes."""
        tile = {name: own.value for name, own in self.tile_scores.metrics.items()}
        scene = {f"scene {name}": own.value for name, own in self.scene_scores.metrics.items()}
        return tile | scene

    @property
    def pictures(self) -> dict[str, Path]:
        """The pictures of the worst tiles, by tile id."""
        return {tile.tile_id: tile.picture for tile in self.worst}

    def card(self) -> dict[str, Any]:
        """The evaluation without its pictures, as JSON holds it."""
        return {
            "format": _FORMAT,
            "split": self.split,
            "tile_scores": asdict(self.tile_scores),
            "scene_scores": asdict(self.scene_scores),
            "milliseconds": self.milliseconds,
            "device": self.device,
            "worst": [_tile_card(tile) for tile in self.worst],
            "bootstrap": self.bootstrap.model_dump(),
            "tiles_fingerprint": self.tiles_fingerprint,
        }

    def save(self, folder: Path) -> None:
        """Write `evaluation.json` and the pictures to `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        for picture in self.pictures.values():
            if picture.parent.absolute() != folder.absolute():
                shutil.copyfile(picture, folder / picture.name)
        write_whole(folder / _CARD, json.dumps(self.card(), indent=2))

    @classmethod
    def load(cls, folder: Path) -> Evaluation:
        """Read an evaluation written by `save`.

        Raises:
            DetectorError: If there is none in `folder`, or one of another format.
        """
        try:
            card: dict[str, Any] = read_object(folder / _CARD)
        except (OSError, ValueError) as error:
            raise DetectorError(
                f"There is no evaluation in {folder}: {error}. "
                "Make one with: python run.py --evaluate"
            ) from error
        if card.pop("format", None) != _FORMAT:
            raise DetectorError(
                f"The evaluation in {folder} was written by another version of Spyglass. "
                "Make it again with: python run.py --evaluate"
            )
        try:
            for level in ("tile_scores", "scene_scores"):
                card[level] = Scores.from_card(card[level])
            card["worst"] = tuple(_tile_of(tile, folder) for tile in card["worst"])
            card["bootstrap"] = BootstrapOptions(**card["bootstrap"])
            return cls(**card)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            raise DetectorError(
                f"The evaluation in {folder} is damaged. "
                "Make it again with: python run.py --evaluate"
            ) from None


def _tile_card(tile: WorstTile) -> dict[str, Any]:
    return {
        "tile_id": tile.tile_id,
        "width": tile.width,
        "height": tile.height,
        "truth": _boxes_card(tile.truth),
        "found": _boxes_card(tile.found),
        "errors": tile.errors,
        "picture": tile.picture.name,
    }


def _boxes_card(shapes: Shapes) -> dict[str, Any]:
    scores = None if shapes.scores is None else shapes.scores.tolist()
    outlines = None if shapes.outlines is None else to_geojson(shapes.outlines)
    return {
        "xyxy": shapes.xyxy.tolist(),
        "labels": list(shapes.labels),
        "scores": scores,
        "outlines": outlines,
        "kind": shapes.kind.value,
    }


def _tile_of(card: dict[str, Any], folder: Path) -> WorstTile:
    boxes = {key: _boxes_of(card[key]) for key in ("truth", "found")}
    return WorstTile(**card | boxes | {"picture": folder / card["picture"]})


def _boxes_of(card: dict[str, Any]) -> Shapes:
    scores = None if card["scores"] is None else np.array(card["scores"])
    outlines = card.get("outlines")
    return Shapes(
        np.array(card["xyxy"]),
        tuple(card["labels"]),
        scores,
        None if outlines is None else from_geojson(outlines),
        ShapeKind(card.get("kind", ShapeKind.DETECT)),
    )
