"""A person sees the tiles, and the boxes on one, in the FiftyOne App, in a real browser."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.builders import boxes, make_tile
from utils.curation.app import serve_app, stop_app
from utils.curation.dataset import build_dataset
from utils.curation.fields import COLOURS, FOUND, TRUTH
from utils.detection.predictions import Predictions, ScenePrediction
from utils.shapes.shapes import Shapes
from utils.tiling.manifest import TileManifest

WATER = (30, 60, 90)
SHIP = (8, 12, 24, 36)
FOUND_SHIP = (40, 12, 60, 36)
DISMISS = "text=Dismiss"
LOOKER = "[data-cy=looker]"
CANVAS = "[data-cy=modal-looker-container] canvas >> nth=0"


@pytest.fixture(scope="module")
def app(mongodb: str) -> Iterator[str]:
    """The address of the App."""
    yield serve_app()
    stop_app()


@pytest.fixture
def address(app: str, dataset_name: str, tmp_path: Path) -> str:
    """The App on a dataset of three tiles of plain water, with a true and a found box each."""
    scenes = [f"port/{name}.png" for name in "abc"]
    tiles = [make_tile(tmp_path, scene, truth=boxes(SHIP)) for scene in scenes]
    for tile in tiles:
        Image.new("RGB", (64, 48), WATER).save(tile.uri)
    manifest = TileManifest.write(tmp_path / "manifest.parquet", ["ship"], tiles)
    found = Shapes(np.array([FOUND_SHIP]), ("ship",), np.array([0.87]))
    predictions = Predictions.write(
        tmp_path / "predictions.parquet",
        ["ship"],
        [ScenePrediction(scene, "/nowhere.png", 64, 48, found, "3") for scene in scenes],
    )
    build_dataset(dataset_name, manifest, predictions=predictions)
    return serve_app(dataset_name)


def test_the_app_shows_every_tile_and_the_boxes_on_one(
    browser: Any, address: str, tmp_path: Path
) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(address)
    page.wait_for_selector("[data-cy=entry-counts] >> text=3 samples")
    page.wait_for_function(f"document.querySelectorAll('{LOOKER}').length === 3")
    page.click(DISMISS)
    page.click(f"{LOOKER} >> nth=0")
    page.wait_for_selector(CANVAS)
    page.mouse.move(0, 0)

    pixels = _seen_when(page, lambda pixels: _extent(pixels, COLOURS[FOUND]) is not None)
    page.screenshot(path=tmp_path / "sample.png")
    image = _extent(pixels, "#{:02x}{:02x}{:02x}".format(*WATER))
    assert image is not None
    for colour, box in ((COLOURS[TRUTH], SHIP), (COLOURS[FOUND], FOUND_SHIP)):
        drawn = _extent(pixels, colour)
        assert drawn is not None, f"no box of colour {colour} is drawn"
        seen = (drawn - image[[0, 1, 0, 1]]) / np.tile(image[2:] - image[:2], 2) * [64, 48, 64, 48]
        # The label stands above the box, in the same colour: the top is not asked.
        np.testing.assert_allclose(seen[[0, 2, 3]], np.array(box)[[0, 2, 3]], atol=1)
    page.close()


def test_the_app_is_found_where_it_is_served_already(app: str) -> None:
    assert serve_app("my ships") == app.replace("/?", "/datasets/my%20ships?")


def _seen_when(page: Any, is_ready: Any) -> NDArray[np.uint8]:
    """The pixels of the open sample, shape (height, width, 3), as soon as they are as wanted."""
    for _ in range(60):
        pixels = np.asarray(
            Image.open(io.BytesIO(page.locator(CANVAS).screenshot())).convert("RGB")
        )
        if is_ready(pixels):
            return pixels
        page.wait_for_timeout(250)
    raise AssertionError("the boxes never appeared")


def _extent(pixels: NDArray[np.uint8], colour: str) -> NDArray[np.float64] | None:
    """The box (xyxy) around all pixels of a colour, or None where there are none."""
    wanted = [int(colour[index : index + 2], 16) for index in (1, 3, 5)]
    rows, columns = np.nonzero((np.abs(pixels.astype(int) - wanted) <= 6).all(axis=2))
    if not len(rows):
        return None
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], dtype=float)
