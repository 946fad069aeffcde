"""Twice round the whole loop: what people correct comes back, and the detector gets better.

Real Label Studio, FiftyOne, MLflow and ZenML; the person is a script that knows every ship.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from zenml.client import Client

from records.model_versions import version_in
from tests.fixtures.user import User, kill, wait_for_line
from utils.annotation.label_studio.connection import ask
from utils.shapes.formats import to_percent

pytestmark = pytest.mark.slow

PROJECT = "twice round"
MODEL = "twice-round"
SIDE = 64
LABELED = {"train": 4, "val": 4, "test": 10}
POOL = 16
PICKED = 8
Truth = dict[str, np.ndarray[Any, Any]]


@pytest.fixture(scope="module")
def truth(user: User) -> Truth:
    """The ship in each scene, by the name of its image: few are labelled, the pool is not."""
    names = [f"{split}-{number}" for split, count in LABELED.items() for number in range(count)]
    labeled = {name: _scene(user.folder / "labeled/images", name) for name in names}
    for name, box in labeled.items():
        x1, y1, x2, y2 = box[0] / SIDE
        line = f"0 {(x1 + x2) / 2} {(y1 + y2) / 2} {x2 - x1} {y2 - y1}\n"
        path = user.folder / f"labeled/labels/{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line)
    pool = {f"pool-{number}": None for number in range(POOL)}
    return labeled | {name: _scene(user.folder / "pool", name) for name in pool}


def _scene(folder: Path, name: str) -> np.ndarray[Any, Any]:
    """A dark image with one bright ship; returns its box, shape (1, 4)."""
    rng = np.random.default_rng(sum(map(ord, name)) * 1009 + len(name))
    pixels = rng.integers(50, 90, (SIDE, SIDE, 3), dtype=np.uint8)
    x, y = (int(value) for value in rng.integers(4, SIDE - 30, 2))
    width, height = (int(value) for value in rng.integers(12, 26, 2))
    pixels[y : y + height, x : x + width] = rng.integers(170, 250)
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / f"{name}.png")
    return np.array([[x, y, x + width, y + height]], dtype=float)


@pytest.fixture(scope="module")
def commands(user: User, truth: Truth, shared_data: Path) -> dict[str, list[str]]:
    """Command line of each step of the loop."""
    tiling = {"tile_size": SIDE, "overlap": 0}
    project = {"label_studio": {"project": PROJECT}}
    staged, used = ({"name": MODEL, "version": stage} for stage in ("staging", "production"))
    labeled = {"kind": "yolo", "path": str(user.folder / "labeled"), "classes": ["ship"]}
    pool = {"kind": "folder", "path": str(user.folder / "pool")}
    pinned = {"val": ["*/val-*"], "test": ["*/test-*"]}
    training = {
        "model_checkpoint": str(shared_data / "weights" / "yolov8n.pt"),
        "epochs": 8,
        "imgsz": SIDE,
        "batch": 4,
        "device": "cpu",
        "arguments": {
            "plots": False,
            "mosaic": 0.0,
            "warmup_epochs": 0,
            "lr0": 0.002,
            "optimizer": "AdamW",
        },
    }
    quick = {"device": "cpu", "bootstrap": {"samples": 200}}
    lenient = {"margin": 0, "confidence": 0.51, "class_floor": 1, "max_slowdown": 100}
    inference = {"confidence": 0.01, "viewer_scenes": 0, "tile_size": SIDE, "overlap": 8}
    inference |= {"backend": "pytorch"}  # the other files try the others
    files = {
        "ingest": {"parameters": {"source": labeled, "data_source": "store", "tiling": tiling}},
        "export": {"model": {"name": MODEL}, "parameters": {}},
        "training": {
            "model": staged,
            "parameters": {
                "fractions": {"train": 1.0, "val": 0.0, "test": 0.0, "pinned": pinned},
                "training": training,
                "evaluation": quick,
            },
        },
        "promotion": {
            "model": staged,
            "parameters": {"promotion": lenient, "evaluation": quick},
        },
        "inference": {"model": used, "parameters": {"source": pool, "inference": inference}},
        "fiftyone": {"model": used, "parameters": {"dataset_name": MODEL, "project": PROJECT}},
        "feedback": {
            "model": used,
            "parameters": {
                "data_source": "store",
                "dataset_name": MODEL,
                "tiling": tiling,
                "feedback": {"budget": PICKED, "confidence": 0.25, "near_duplicate": 0},
            },
        },
    }
    for name in ("ingest", "export", "feedback"):
        files[name]["parameters"] |= project
    typed = {name: [f"--{name}", "--config", user.writes(name, **files[name])] for name in files}
    (user.folder / "retrain.yaml").write_text(
        f"rule: {{reviewed_tiles: {PICKED}}}\n"
        "pipelines: {export: export.yaml, training: training.yaml, promotion: promotion.yaml}\n"
    )
    return typed | {"retrain": ["--retrain-if-due", "--config", str(user.folder / "retrain.yaml")]}


def review(user: User, truth: Truth) -> dict[str, int]:
    """Go through the pre-annotated tasks that are not done; how many were accepted and changed."""
    done = {"accepted": 0, "changed": 0}
    for task in user.project_tasks(PROJECT):
        found = [one for one in task["predictions"] if one["score"] is not None]
        if task["annotations"] or not found:
            continue
        proposed = found[0]
        percent = to_percent(truth[Path(task["data"]["scene_id"]).stem], SIDE, SIDE)
        right = _regions(percent.tolist())
        is_right = len(proposed["result"]) == 1 and _is_near(proposed["result"][0], percent[0])
        done["accepted" if is_right else "changed"] += 1
        body = {
            "result": proposed["result"] if is_right else right,
            "parent_prediction": proposed["id"],
            "lead_time": 3.0 if is_right else 9.0,
        }
        ask(user.label_studio, "POST", f"api/tasks/{task['id']}/annotations/", json=body)
    return done


def _is_near(region: dict[str, Any], percent: Iterable[float]) -> bool:
    found = [region["value"][key] for key in ("x", "y", "width", "height")]
    return bool(np.abs(np.array(found) - np.array(list(percent))).max() < 2)


def _regions(percent: list[list[float]]) -> list[dict[str, Any]]:
    return [
        {
            "type": "rectanglelabels",
            "from_name": "label",
            "to_name": "image",
            "value": dict(zip(("x", "y", "width", "height"), box, strict=True))
            | {"rotation": 0, "rectanglelabels": ["ship"]},
        }
        for box in percent
    ]


def score(user: User) -> float:
    """The mAP50-95 of the detector in production, on the test tiles that nobody trains on."""
    evaluation = version_in(MODEL, "production").get_artifact("evaluation")
    return float(evaluation.run_metadata["mAP50-95"])


def killed_and_run_again(user: User, arguments: list[str], moment: str) -> str:
    process = user.starts(*arguments)
    wait_for_line(process, moment)
    kill(process)
    return user.calls(*arguments)


@pytest.mark.timeout(1800)  # a whole loop, on a machine that may be busy
def test_twice_round_the_loop_the_detector_gets_better_and_no_label_is_lost_or_doubled(
    user: User, truth: Truth, commands: dict[str, list[str]]
):
    user.calls(*commands["ingest"])
    user.calls(*commands["export"], "--promote", "staging")
    user.calls(*commands["training"], "-l", "--promote", "production")
    scores = [score(user)]

    user.calls(*commands["inference"])
    user.calls(*commands["fiftyone"])
    assert f"{PICKED} new tasks" in user.calls(*commands["feedback"])
    first = review(user, truth)
    user.calls(*commands["retrain"])
    scores.append(score(user))

    user.calls(*commands["inference"])
    shown = killed_and_run_again(user, commands["feedback"], "Step `send_picked_tiles` has started")
    assert f"{PICKED} tiles picked" in shown
    second = review(user, truth)
    assert sum(first.values()) == sum(second.values()) == PICKED
    killed_and_run_again(user, commands["retrain"], "Step `train_detector` has started")
    scores.append(score(user))

    assert scores[-1] > scores[0], scores
    _no_label_is_lost_or_doubled(user, truth)


def _no_label_is_lost_or_doubled(user: User, truth: Truth) -> None:
    newest = Client().list_artifact_versions(
        artifact="labeled_dataset", model=MODEL, sort_by="desc:created", size=1, hydrate=True
    )
    tiles = list(newest.items[0].load())
    assert len({tile.tile_id for tile in tiles}) == len(tiles) == len(user.tasks(PROJECT))
    assert sorted(Path(tile.scene_id).stem for tile in tiles) == sorted(truth)
    assert sum(tile.reviewed for tile in tiles) == 2 * PICKED
    for tile in tiles:
        box = truth[Path(tile.scene_id).stem]
        assert tile.shapes.xyxy == pytest.approx(box, abs=4), tile.tile_id
        assert tile.review is None or tile.review.proposed_by in {"1", "2", "3"}
