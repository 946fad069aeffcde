"""Round the loop from production: drift, reviews of what came in, a retraining, a canary."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from zenml.client import Client

from records.model_versions import version_in
from tests.fixtures.user import User, kill, wait_for_line
from utils.annotation.label_studio.connection import ask
from utils.ports import free_port
from utils.serving.challenge import challenger_of
from utils.serving.process import stop_service
from utils.serving.running import running_service

PROJECT = MODEL = "round-from-production"
SIDE, SHIP = 64, 20
BUDGET = 8
SENT = 60
QUICK = {
    "model_checkpoint": "yolov8n.yaml",
    "allow_scratch": True,
    "imgsz": SIDE,
    "batch": 4,
    "arguments": {"nbs": 4, "optimizer": "AdamW", "lr0": 0.002, "mosaic": 0.0, "warmup_epochs": 1},
}
Box = tuple[int, int, int, int]

pytestmark = pytest.mark.slow


def picture(random: np.random.Generator, light: float) -> tuple[np.ndarray, list[Box]]:
    """Two white squares, which are ships, on a dark ground with noise."""
    pixels = random.integers(30, 52, (SIDE, SIDE, 3)).astype(float)
    boxes = []
    for x, y in random.integers(2, SIDE - SHIP - 2, (2, 2)).tolist():
        pixels[y : y + SHIP, x : x + SHIP] = 255
        boxes.append((x, y, x + SHIP, y + SHIP))
    return (pixels * light).astype(np.uint8), boxes


def write_source(folder: Path) -> None:
    """Write labelled images by day as YOLO has them."""
    random = np.random.default_rng(0)
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for number in range(60):
        pixels, boxes = picture(random, 1.0)
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        lines = [
            f"0 {(x1 + x2) / 2 / SIDE} {(y1 + y2) / 2 / SIDE} {SHIP / SIDE} {SHIP / SIDE}\n"
            for x1, y1, x2, y2 in boxes
        ]
        (folder / "labels" / f"{number}.txt").write_text("".join(lines))
    (folder / "data.yaml").write_text(yaml.safe_dump({"names": ["ship"], "train": "images"}))


@pytest.fixture(scope="module")
def retrain(user: User) -> Iterator[str]:
    """A version in production that has learned little, and the configuration of retrainings."""
    write_source(user.folder / "harbour")
    parameters = {
        "source": {"kind": "yolo", "path": str(user.folder / "harbour")},
        "data_source": "store",
        "tiling": {"tile_size": SIDE, "overlap": 0},
        "label_studio": {"project": PROJECT},
    }
    user.calls("-ig", "--config", user.writes("ingest", parameters=parameters))
    model = {"name": MODEL}
    user.writes("export", model=model, parameters={"label_studio": {"project": PROJECT}})
    fractions = {"train": 0.4, "val": 0.1, "test": 0.5}
    user.writes(
        "training",
        model=model | {"version": "staging"},
        parameters={"fractions": fractions, "training": {**QUICK, "epochs": 1}},
    )
    user.writes(
        "promotion",
        model=model | {"version": "staging"},
        parameters={"promotion": {"max_slowdown": 100}},
    )
    user.writes(
        "deployment",
        model=model | {"version": "production"},
        parameters={
            "deployment": {"port": free_port(), "keep": "images", "canary": 0.5, "full_after": 3},
            "inference": {"confidence": 0.05, "tile_size": SIDE, "overlap": 4},
        },
    )
    user.writes(
        "feedback",
        model=model | {"version": "production"},
        parameters={
            "data_source": "store",
            "dataset_name": None,
            "feedback": {"source": "production", "budget": BUDGET, "scene_share": 1.0},
            "label_studio": {"project": PROJECT},
        },
    )
    (user.folder / "retrain.yaml").write_text(
        "rule: {reviewed_tiles: 20, drift_tiles: 4}\n"
        "training: {start: production, epochs: 20}\n"
        "pipelines: {export: export.yaml, training: training.yaml, promotion: promotion.yaml,\n"
        "  deployment: deployment.yaml}\n"
        "watch: {poll_s: 600, settle_s: 0, webhook: {port: 0}}\n"
    )
    yield str(user.folder / "retrain.yaml")
    stop_service(MODEL)


def review(user: User, truth: dict[str, list[Box]]) -> int:
    """Draw the true boxes on each waiting task whose scene is known; returns their number."""
    count = 0
    for task in user.project_tasks(PROJECT):
        boxes = truth.get(task["data"]["scene_id"])
        if boxes is None or task["annotations"]:
            continue
        result = [_region(box) for box in boxes]
        ask(
            user.label_studio,
            "POST",
            f"api/tasks/{task['id']}/annotations/",
            json={"result": result},
        )
        count += 1
    return count


def _region(box: Box) -> dict[str, Any]:
    x1, y1, x2, y2 = (100 * value / SIDE for value in box)
    value = {"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1, "rotation": 0}
    return {
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": SIDE,
        "original_height": SIDE,
        "value": {**value, "rectanglelabels": ["ship"]},
    }


def test_what_drifts_out_there_is_reviewed_learned_tried_and_promoted(user: User, retrain: str):
    user.calls("--export", "--config", str(user.folder / "export.yaml"))
    user.calls("--promote", "staging", "--set", f"model.name={MODEL}")
    user.calls("--training", "--local", "--config", str(user.folder / "training.yaml"))
    user.calls("--promote", "production", "--set", f"model.name={MODEL}")
    user.calls("--deploy", "--config", str(user.folder / "deployment.yaml"))

    truth = send_by_night(user)
    shown = user.calls("--retrain-if-due", "--config", retrain)
    assert "No training is due: 0 newly reviewed tiles since the last one." in shown
    assert "But drift was found: " in shown
    assert "--feedback --set feedback.source=production" in shown

    feedback = ("--feedback", "--config", str(user.folder / "feedback.yaml"))
    before = user.count_tasks(PROJECT)
    process = user.starts(*feedback)
    wait_for_line(process, "Step `send_picked_tiles` has started")
    kill(process)
    for _ in range(2):
        user.calls(*feedback)
        assert user.count_tasks(PROJECT) == before + BUDGET
    user.tasks(PROJECT)  # fails on two tasks for one tile
    assert review(user, truth) == BUDGET

    process = user.starts("--retrain-if-due", "--config", retrain)
    wait_for_line(process, "Step `train_detector` has started")
    kill(process)
    shown = user.calls("--retrain-if-due", "--config", retrain)
    assert "The canary of version 2 goes on; a later check promotes it." in shown
    assert version_in(MODEL, "production").number == 1
    reason = version_in(MODEL, 2).run_metadata["retraining"]["reason"]
    assert reason.startswith(f"drift was found, and {BUDGET} tiles are newly reviewed: ")

    client = running_service(MODEL).client()
    image = picture(np.random.default_rng(99), 0.4)[0]
    Image.fromarray(image).save(user.folder / "one.png")
    answered = [client.predict(user.folder / "one.png")["version"] for _ in range(8)]
    assert sorted(set(answered)) == ["1", "2"]
    shown = user.calls("--retrain-if-due", "--config", retrain)
    assert "The canary of version 2 has passed: 3 answers without an error." in shown
    assert version_in(MODEL, "production").number == 2
    assert running_service(MODEL).client().model()["version"] == "2"
    assert challenger_of(running_service(MODEL)) is None
    labels = Client().list_artifact_versions(artifact="labeled_dataset", model=MODEL).items
    assert len(labels) == 2


def send_by_night(user: User) -> dict[str, list[Box]]:
    """Send dark images to the service, which keeps them; returns their boxes by scene."""
    client, random = running_service(MODEL).client(), np.random.default_rng(1)
    truth = {}
    for number in range(SENT):
        pixels, boxes = picture(random, 0.4)
        path = user.folder / f"night-{number}.png"
        Image.fromarray(pixels).save(path)
        client.predict(path)
        name = hashlib.sha256(path.read_bytes()).hexdigest()
        truth[f"production/{name}"] = boxes
    return truth
