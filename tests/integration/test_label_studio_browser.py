"""A person sees the page of a task, in a real browser, with the image and its boxes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.builders import boxes
from tests.fixtures.label_studio import Harbour
from utils.annotation.label_studio.server import ServerConnection

# The page draws on a canvas by Konva and keeps its state in Htx, and builds both anew while it
# loads. This gives the boxes on the canvas, as shares of the image, once the image is there and
# nothing has moved since the last look.
BOXES_WHEN_SETTLED = """() => {
    const loaded = [...document.images].some(one => one.src.startsWith('blob:')
        && one.complete && one.naturalWidth === 64);
    const annotation = window.Htx && Htx.annotationStore && Htx.annotationStore.selected;
    const stage = window.Konva && Konva.stages[0];
    if (!loaded || !annotation || !stage) return null;
    const {stageWidth, stageHeight} = annotation.objects[0];
    const boxes = stage.find('Rect')
        .filter(box => box.isVisible() && box.hasName('_transformable'))
        .map(box => [box.x() / stageWidth, box.y() / stageHeight,
                     (box.x() + box.width()) / stageWidth,
                     (box.y() + box.height()) / stageHeight]);
    const seen = JSON.stringify([boxes, stage.container().getBoundingClientRect()]);
    const settled = boxes.length && boxes.length === annotation.regions.length
        && seen === window.seenBefore;
    window.seenBefore = seen;
    return settled ? boxes : null;
}"""
CANVAS = "canvas >> nth=0"


@pytest.fixture
def page(browser: Any, harbour: Harbour) -> Iterator[Any]:
    """A page of somebody logged in."""
    yield from logged_in(browser, harbour.server)


def logged_in(browser: Any, server: ServerConnection) -> Iterator[Any]:
    """Yield a page of somebody logged in; fails the test when it asks for another machine."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    strangers: list[str] = []
    page.on(
        "request",
        lambda request: (
            strangers.append(request.url)
            if request.url.startswith("http") and not request.url.startswith(server.url)
            else None
        ),
    )
    page.goto(f"{server.url}/user/login")
    page.fill("input[name=email]", server.username)
    page.fill("input[name=password]", server.password)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "login" not in url)
    yield page
    page.close()
    assert strangers == []


def test_a_task_shows_its_boxes_and_a_correction_comes_back(page: Any, harbour: Harbour) -> None:
    truth = boxes((8, 6, 24, 18), (40, 30, 60, 45))
    tile = replace(harbour.tiles[0], shapes=truth)
    harbour.tiles[:] = [tile]
    harbour.sync()
    task = harbour.tasks()[tile.tile_id]["id"]

    page.goto(f"{harbour.project.url}/data?task={task}")
    boxes_on_page = page.wait_for_function(BOXES_WHEN_SETTLED, polling=500).json_value()
    drawn = np.array(sorted(boxes_on_page)) * [64, 48, 64, 48]
    np.testing.assert_allclose(drawn, truth.xyxy, atol=0.5)
    page.screenshot(path=harbour.folder / "task.png")
    assert (harbour.folder / "task.png").stat().st_size > 10_000

    canvas = page.locator(CANVAS).bounding_box()
    page.keyboard.press("2")  # the class "buoy"
    page.mouse.move(canvas["x"] + 0.05 * canvas["width"], canvas["y"] + 0.6 * canvas["height"])
    page.mouse.down()
    page.mouse.move(canvas["x"] + 0.1 * canvas["width"], canvas["y"] + 0.7 * canvas["height"])
    page.mouse.move(canvas["x"] + 0.2 * canvas["width"], canvas["y"] + 0.8 * canvas["height"])
    page.mouse.up()
    with page.expect_response(lambda answer: "/api/annotations/" in answer.url):
        page.click("[data-testid=bottombar-update-button]")

    (back,) = harbour.export().dataset
    assert back.reviewed
    assert back.annotator == harbour.server.username
    assert sorted(back.shapes.labels) == ["buoy", "ship", "ship"]
    buoy = back.shapes.xyxy[back.shapes.labels.index("buoy")]
    np.testing.assert_allclose(buoy, (0.05 * 64, 0.6 * 48, 0.2 * 64, 0.8 * 48), atol=1)
