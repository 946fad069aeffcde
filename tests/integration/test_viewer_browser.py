"""The zooming viewer in a real browser, opened from the disk, with no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from utils.detection.predictions import Predictions, ScenePrediction
from utils.issues import IssueReport
from utils.reports.viewer import Viewer, write_viewer
from utils.shapes.shapes import Shapes

WIDTH, HEIGHT = 2400, 1600
LOADED = "viewer.isOpen() && viewer.world.getItemAt(0).getFullyLoaded()"
# The colour above the tiles at a place of the scene: red, green, blue, alpha.
DRAWN = """([x, y]) => { const at = placement(), ratio = devicePixelRatio;
  const pixels = canvas.getContext("2d").getImageData(
    (at.x + x * at.scale) * ratio - 2, (at.y + y * at.scale) * ratio - 2, 4, 4).data;
  return Math.max(...pixels.filter((_, index) => index % 4 === 3)); }"""


def predictions(folder: Path) -> Predictions:
    pixels = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    pixels[:, WIDTH // 2 :] = (0, 90, 160)
    Image.fromarray(pixels).save(folder / "harbour.png")
    found = Shapes(
        np.array([[200, 200, 600, 500], [1500, 800, 1900, 1200], [1520, 820, 1900, 1200]]),
        ("ship", "buoy", "buoy"),
        np.array([0.9, 0.4, 0.6]),
    )
    truth = Shapes(np.array([[2000.0, 100, 2300, 400]]), ("ship",))
    scenes = [
        ScenePrediction("gone </script>", str(folder / "gone.png"), 9, 9, found, "7"),
        ScenePrediction(
            "port/ü.png", str(folder / "harbour.png"), WIDTH, HEIGHT, found, "7", truth
        ),
    ]
    return Predictions.write(folder / "predictions.parquet", ("ship", "buoy"), scenes)


@pytest.fixture(scope="module")
def viewer(tmp_path_factory) -> Viewer:
    folder = tmp_path_factory.mktemp("viewer")
    issues = IssueReport()
    viewer = write_viewer(predictions(folder), folder / "a viewer", issues, scenes=2)
    assert [issue.item for issue in issues.issues] == ["gone </script>"]
    assert viewer.scenes == 1
    return viewer


@pytest.fixture
def page(browser: Any, viewer: Viewer):
    complaints: list[str] = []
    context = browser.new_context(offline=True, viewport={"width": 1000, "height": 700})
    page = context.new_page()
    page.on("console", lambda said: complaints.extend([said.text] * (said.type == "error")))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto((viewer.folder / "index.html").as_uri())
    page.wait_for_function(LOADED)
    yield page
    assert complaints == []
    context.close()


def test_boxes_lie_on_the_tiles_where_they_belong_at_every_zoom(page):
    for zoom in (1, 3):
        page.evaluate(
            "zoom => viewer.viewport.zoomTo(zoom, new OpenSeadragon.Point(0.1, 0.1), true)", zoom
        )
        page.evaluate("viewer.forceRedraw()")
        page.wait_for_function(LOADED)
        assert page.evaluate("viewer.viewport.getZoom()") == zoom
        assert page.evaluate(DRAWN, [200, 350]) > 100  # the left side of the ship
        assert page.evaluate(DRAWN, [400, 350]) == 0  # its middle


def test_score_and_class_choose_the_boxes(page):
    shown = page.locator("#shown")
    assert shown.inner_text() == "3"
    page.locator("#score").fill("0.5")
    assert shown.inner_text() == "2"
    page.locator("#classes input").first.uncheck()
    assert shown.inner_text() == "1"
    assert page.evaluate(DRAWN, [200, 350]) == 0


def test_ground_truth_and_density_are_layers_of_their_own(page):
    page.uncheck("#boxes")
    assert page.evaluate(DRAWN, [2000, 250]) == page.evaluate(DRAWN, [1700, 1000]) == 0
    page.check("#truth")
    assert page.evaluate(DRAWN, [2000, 100]) > 100
    page.check("#density")
    assert min(page.evaluate(DRAWN, [1700, 1000]), page.evaluate(DRAWN, [400, 350])) > 100
    assert page.evaluate(DRAWN, [1000, 1500]) == 0


def test_pointing_at_a_box_tells_what_it_is(page):
    x, y = page.evaluate(
        """() => { const at = placement(), bounds = viewer.canvas.getBoundingClientRect();
        return [bounds.left + at.x + 400 * at.scale, bounds.top + at.y + 300 * at.scale]; }"""
    )
    page.mouse.move(x, y)
    assert page.locator("#about").inner_text() == "ship 0.90, 400 × 300 pixels"


def test_a_viewer_without_scenes_says_so(browser, tmp_path):
    viewer = write_viewer(predictions(tmp_path), tmp_path / "viewer", IssueReport(), scenes=0)
    page = browser.new_page()
    page.goto((viewer.folder / "index.html").as_uri())
    assert "No scene" in page.inner_text("#facts")
    page.close()
