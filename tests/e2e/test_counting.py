"""A survey from predictions to an interval, as a user does it; the reviewer is a script.

The detector has learned next to nothing: its predictions are bad, and the interval holds.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from zenml.client import Client

from tests.fixtures.user import User, kill, wait_for_line
from utils.annotation.label_studio.connection import ask
from utils.geometry import Window
from utils.shapes.formats import to_percent
from utils.shapes.shapes import Shapes

pytestmark = pytest.mark.slow

PROJECT, MODEL = "survey", "surveyed"
SIDE, TILE = 256, 64
SCENES, SHIPS = 4, 30
Truth = dict[str, Shapes]


def scene(folder: Path, name: str, ships: int, side: int) -> Shapes:
    """A dark image with bright ships, one of which may touch another; returns their boxes."""
    rng = np.random.default_rng(sum(map(ord, name)))
    pixels = rng.integers(40, 80, (side, side, 3), dtype=np.uint8)
    corner = rng.integers(0, side - 18, (ships, 2))
    boxes = np.hstack([corner, corner + rng.integers(6, 18, (ships, 2))]).astype(float)
    for x1, y1, x2, y2 in boxes.astype(int):
        pixels[y1:y2, x1:x2] = 220
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / f"{name}.png")
    return Shapes(boxes, ("ship",) * ships)


@pytest.fixture(scope="module")
def truth(user: User) -> Truth:
    for number in range(6):
        name = f"known-{number}"
        (box,) = scene(user.folder / "known/images", name, 1, TILE).xyxy / TILE
        x1, y1, x2, y2 = box.tolist()
        path = user.folder / f"known/labels/{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"0 {(x1 + x2) / 2} {(y1 + y2) / 2} {x2 - x1} {y2 - y1}\n")
    names = [f"bay-{number}" for number in range(SCENES)]
    return {name: scene(user.folder / "bays", name, SHIPS, SIDE) for name in names}


@pytest.fixture(scope="module")
def commands(user: User, truth: Truth) -> dict[str, list[str]]:
    project = {"label_studio": {"project": PROJECT}}
    staged, used = ({"name": MODEL, "version": stage} for stage in ("staging", "production"))
    known = {"kind": "yolo", "path": str(user.folder / "known"), "classes": ["ship"]}
    bays = {"kind": "folder", "path": str(user.folder / "bays")}
    pinned = {"train": ["*-[0-3].png"], "val": ["*-4.png"], "test": ["*-5.png"]}
    training = {"model_checkpoint": "yolov8n.yaml", "epochs": 1, "imgsz": TILE, "device": "cpu"}
    inference = {"confidence": 0.001, "tile_size": TILE, "overlap": 8, "backend": "pytorch"}
    tiling = {"tile_size": TILE, "overlap": 16}
    files: dict[str, dict[str, Any]] = {
        "ingest": {
            "parameters": {"source": known, "data_source": "store", "tiling": tiling, **project}
        },
        "export": {"model": {"name": MODEL}, "parameters": project},
        "training": {
            "model": staged,
            "parameters": {"fractions": {"pinned": pinned}, "training": training},
        },
        "inference": {
            "model": used,
            "parameters": {"source": bays, "inference": inference | {"viewer_scenes": 0}},
        },
        "count": {
            "model": used,
            "parameters": {
                "data_source": "store",
                "count": {"budget": 30, "wanted": "30%", "interval": "fixed"},
                **project,
            },
        },
    }
    return {name: [f"--{name}", "--config", user.writes(name, **files[name])] for name in files}


def review(user: User, truth: Truth) -> int:
    """Mark every ship on the tiles of the survey that wait, also those that a border cuts."""
    done = 0
    for task in user.project_tasks(PROJECT):
        data = task["data"]
        if "survey" not in data or task["annotations"]:
            continue
        window = Window(**{side: data[side] for side in ("x", "y", "width", "height")})
        ships = truth[Path(data["scene_id"]).stem]
        seen = ships.select(ships.visible_shares(window) > 0.02).clipped(window.xyxy)
        percent = to_percent(seen.shifted(-window.x, -window.y).xyxy, TILE, TILE).tolist()
        body = {"result": [_region(box) for box in percent]}
        ask(user.label_studio, "POST", f"api/tasks/{task['id']}/annotations/", json=body)
        done += 1
    return done


def _region(box: list[float]) -> dict[str, Any]:
    value = dict(zip(("x", "y", "width", "height"), box, strict=True))
    value |= {"rotation": 0, "rectanglelabels": ["ship"]}
    return {
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "value": value,
    }


@pytest.mark.timeout(1200)  # a training before it, on a machine that may be busy
def test_a_survey_ends_with_an_interval_that_holds_the_truth_and_nothing_twice(
    user: User, truth: Truth, commands: dict[str, list[str]]
) -> None:
    missing = user.calls(*commands["count"], exit_code=1)
    assert "python run.py" in missing
    user.calls(*commands["ingest"])
    user.calls(*commands["export"], "--promote", "staging")
    force = ["--promote", "production", "--force", "--reason", "test"]
    user.calls(*commands["training"], "-l", *force)
    user.calls(*commands["inference"])

    process = user.starts(*commands["count"])
    wait_for_line(process, "Step `send_survey_tiles` has started")
    kill(process)
    first = user.calls(*commands["count"])
    assert "nothing is known of the error" in first
    assert review(user, truth) == 30

    objects = SCENES * SHIPS
    for _ in range(6):
        user.calls(*commands["export"])
        shown = user.calls(*commands["count"])
        told = re.search(r"([\d,]+) objects \(ship\), from ([\d,]+) to ([\d,]+)", shown)
        assert told is not None, shown
        if "the survey can stop here" in shown:
            break
        assert review(user, truth) > 0
    _, low, high = (int(number.replace(",", "")) for number in told.groups())
    assert low <= objects <= high
    assert len(user.tasks(PROJECT)) == user.count_tasks(PROJECT)

    newest = Client().list_artifact_versions(
        artifact="counts", model=MODEL, sort_by="desc:created", size=1, hydrate=True
    )
    counts = newest.items[0].load()
    with (counts.files / "counts.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["kind"] for row in rows] == ["everything", *["scene"] * SCENES]
    assert rows[0]["interval"] == "fixed"
