"""The five flags on data and weights that nobody on this project made."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image
from zenml.client import Client

import materializers  # noqa: F401  (tells ZenML how to load the nouns)
from tests.fixtures.user import User
from utils.dataset.labeled import LabeledDataset
from utils.detection.detector import Detector
from utils.detection.predictions import Predictions
from utils.evaluation.evaluation import Evaluation
from utils.shapes.grid import Grid
from utils.tiling.manifest import TileManifest

pytestmark = pytest.mark.slow

SCENES = 9
SCENES_TO_LOOK_THROUGH = 3
TILE_SIZE, OVERLAP = 320, 32  # of that


@dataclass(frozen=True)
class Dataset:
    """A dataset and how it is read.

    Attributes:
        source: The options of the source.
        tile_size: Side of the tiles, in pixels.
        sizes: Width and height of each image that is read.
        boxes: How many there are on these images, counted without Spyglass.
        classes: Some of the classes afterwards.
    """

    source: dict[str, Any]
    tile_size: int
    sizes: list[tuple[int, int]]
    boxes: int
    classes: set[str]

    @property
    def name(self) -> str:
        """For everything that needs a name of its own."""
        return f"real-{self.source['kind']}"

    @property
    def tiles(self) -> int:
        """How many tiles without overlap cover the images."""
        return sum(
            ceil(width / self.tile_size) * ceil(height / self.tile_size)
            for width, height in self.sizes
        )


def ships(folder: Path) -> Dataset:
    """Pascal VOC with one class, which gets another name."""
    images = sorted((folder / "ships" / "images").iterdir())[:SCENES]
    labels = [folder / "ships" / "annotations" / f"{image.stem}.xml" for image in images]
    boxes = sum(len(ElementTree.parse(label).findall("object")) for label in labels)  # noqa: S314
    source = {"kind": "voc", "path": str(folder / "ships"), "class_mapping": {"boat": "ship"}}
    return Dataset(source | {"max_scenes": SCENES}, 320, sizes_of(images), boxes, {"ship"})


def sentinel2(folder: Path) -> Dataset:
    """COCO, in three files that also list images which are not there."""
    boxes, images = 0, []
    for file in (folder / "sentinel2").rglob("*.json"):
        content = json.loads(file.read_text())
        listed = {image["id"]: file.parent / image["file_name"] for image in content["images"]}
        there = {number: image for number, image in listed.items() if image.exists()}
        boxes += sum(label["image_id"] in there for label in content["annotations"])
        images += there.values()
    source = {"kind": "coco", "path": str(folder / "sentinel2"), "max_bad_share": 0.5}
    return Dataset(source, 400, sizes_of(images), boxes, {"vessel"})


def coco(folder: Path) -> Dataset:
    """YOLO with eighty classes; two photos are grey and two have no labels."""
    images = sorted((folder / "coco" / "images").rglob("*.jpg"))[:SCENES]
    labels = [
        folder / "coco" / "labels" / image.parent.name / f"{image.stem}.txt" for image in images
    ]
    boxes = sum(len(label.read_text().splitlines()) for label in labels if label.exists())
    source = {"kind": "yolo", "path": str(folder / "coco"), "max_scenes": SCENES}
    return Dataset(source, 480, sizes_of(images), boxes, {"person", "dog"})


def sizes_of(images: list[Path]) -> list[tuple[int, int]]:
    return [Image.open(image).size for image in images]


@dataclass(frozen=True)
class Loop:
    """Output and artifacts of the five flags."""

    ingested: str
    promoted: str
    predicted: str
    looked: str
    manifest: TileManifest
    labels: LabeledDataset
    splits: dict[str, str]
    detector: Detector
    evaluation: Evaluation
    predictions: Predictions


@pytest.fixture(scope="module", params=[ships, sentinel2, coco], ids=lambda make: make.__name__)
def dataset(request, shared_data) -> Dataset:
    return request.param(shared_data)


@pytest.fixture(scope="module")
def loop(user: User, dataset: Dataset, shared_data: Path) -> Loop:
    """The five flags, one after the other."""
    return Loop(
        ingested=user.calls("-ig", "--config", ingest(user, dataset)),
        promoted=user.calls("-e", "--promote", "staging", "--config", export(user, dataset))
        + user.calls(
            *("-t", "-l", "--promote", "production"),
            *("--config", training(user, dataset, shared_data / "weights")),
        ),
        predicted=user.calls("-i", "--config", inference(user, dataset)),
        looked=user.calls("-f", "--config", fiftyone(user, dataset)),
        manifest=newest("tile_manifest"),
        labels=newest("labeled_dataset"),
        splits=newest("splits"),
        detector=newest("trained_detector"),
        evaluation=newest("evaluation"),
        predictions=newest("predictions"),
    )


def newest(artifact: str) -> Any:
    return Client().get_artifact_version(artifact).load()


def ingest(user: User, dataset: Dataset) -> str:
    parameters = {
        "source": dataset.source,
        "data_source": f"{dataset.name}-store",
        "tiling": {"tile_size": dataset.tile_size, "overlap": 0},
        "label_studio": {"project": dataset.name},
    }
    return user.writes(f"{dataset.name}-ingest", parameters=parameters)


def export(user: User, dataset: Dataset) -> str:
    return user.writes(
        f"{dataset.name}-export",
        model={"name": dataset.name},
        parameters={"label_studio": {"project": dataset.name}},
    )


def training(user: User, dataset: Dataset, weights: Path) -> str:
    scenes = sorted({tile.scene_id for tile in newest("tile_manifest")})
    pinned = {"train": scenes[0::3], "val": scenes[1::3], "test": scenes[2::3]}
    quick = {"epochs": 1, "imgsz": 64, "arguments": {"plots": False}}
    return user.writes(
        f"{dataset.name}-training",
        model={"name": dataset.name, "version": "staging"},
        parameters={
            "fractions": {"pinned": pinned},
            "training": {"model_checkpoint": "yolov8n.pt", "weights_dir": str(weights), **quick},
        },
    )


def inference(user: User, dataset: Dataset, model: str = "") -> str:
    return user.writes(
        f"{dataset.name}-inference",
        model={"name": model or dataset.name, "version": "production"},
        parameters={
            "source": dataset.source | {"max_scenes": SCENES_TO_LOOK_THROUGH},
            "inference": {"tile_size": TILE_SIZE, "overlap": OVERLAP, "confidence": 0.001}
            | {"backend": "pytorch"},
        },
    )


def fiftyone(user: User, dataset: Dataset) -> str:
    return user.writes(
        f"{dataset.name}-fiftyone",
        model={"name": dataset.name, "version": "production"},
        parameters={"dataset_name": dataset.name},
    )


def test_every_scene_is_cut_into_tiles(loop, dataset):
    assert len({tile.scene_id for tile in loop.manifest}) == len(dataset.sizes)
    assert len(loop.manifest) == dataset.tiles
    assert f"{len(dataset.sizes)} scenes (0 unchanged), {dataset.tiles} tiles" in loop.ingested


def test_every_box_is_on_a_tile(loop, dataset):
    assert f"{dataset.tiles} tiles, {dataset.boxes} boxes" in loop.ingested
    assert dataset.classes <= set(loop.manifest.class_names)


def test_every_tile_is_a_task_with_its_boxes(loop, dataset, user):
    tasks = user.tasks(dataset.name)

    assert {task: sum(map(len, annotations)) for task, annotations in tasks.items()} == {
        tile.tile_id: len(tile.shapes) for tile in loop.manifest
    }


def test_the_labels_come_back_as_they_were_sent(loop):
    sent = {tile.tile_id: sorted(tile.shapes.labels) for tile in loop.manifest}

    assert {tile.tile_id: sorted(tile.shapes.labels) for tile in loop.labels} == sent


def test_the_detector_learns_the_classes_from_the_weights(loop, dataset):
    assert dataset.classes <= set(loop.detector.class_names)
    assert loop.detector.checkpoint.endswith("yolov8n.pt")
    assert loop.detector.epochs == 1


def test_the_detector_is_judged_on_scenes_it_has_never_seen(loop):
    assert loop.evaluation.split == "test"
    unseen = {scene for scene, split in loop.splits.items() if split == "test"}
    assert loop.evaluation.tiles == sum(tile.scene_id in unseen for tile in loop.labels) > 0


def test_the_stages_are_told(loop, dataset):
    assert f"Version 1 of {dataset.name} is now in staging." in loop.promoted
    assert f"Version 1 of {dataset.name} is now in production." in loop.promoted


def test_the_detector_in_production_finds_something(loop, dataset):
    scenes = list(loop.predictions)

    assert len(scenes) == SCENES_TO_LOOK_THROUGH
    assert {scene.model_version for scene in scenes} == {"1"}
    assert sum(len(scene.shapes) for scene in scenes) > 0
    assert {(scene.width, scene.height) for scene in scenes} <= set(dataset.sizes)


def test_every_tile_is_a_sample_with_its_truth_and_what_was_found(loop, dataset):
    import fiftyone as fo

    samples = {sample["tile_id"]: sample for sample in fo.load_dataset(dataset.name)}
    looked_through = {scene.scene_id for scene in loop.predictions}

    assert {tile: len(sample["ground_truth"].detections) for tile, sample in samples.items()} == {
        tile.tile_id: len(tile.shapes) for tile in loop.manifest
    }
    assert {
        sample["scene_id"] for sample in samples.values() if sample["predictions"] is not None
    } == looked_through
    assert f"{dataset.tiles} samples added" in loop.looked


@pytest.mark.parametrize("dataset", [coco], indirect=True)
def test_the_detector_looks_through_scenes_of_another_source(loop, dataset, user, shared_data):
    other = Dataset({"kind": "folder", "path": str(shared_data / "sahi")}, 0, [], 0, set())
    user.calls("-i", "--config", inference(user, other, dataset.name))
    images = [path for path in (shared_data / "sahi").iterdir() if path.suffix != ".json"]
    scenes = {scene.scene_id: (scene.width, scene.height) for scene in newest("predictions")}
    assert scenes == {f"sahi/{path.name}": Image.open(path).size for path in images}
    assert {scene.scene_id: scene.windows for scene in newest("predictions")} == {
        scene: len(Grid.over(*size, TILE_SIZE, OVERLAP)) for scene, size in scenes.items()
    }
