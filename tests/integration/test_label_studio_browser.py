"""What a person sees: the page of a task, in a real browser, with the image and its boxes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.builders import boxes
from tests.fixtures.label_studio import Harbour

# The page draws on a canvas by Konva and keeps its state in Htx: the boxes are asked of both.
DRAWN_BOXES = """() => {
    const stage = Konva.stages[0];
    const image = Htx.annotationStore.selected.objects[0];
    const [width, height] = [image.stageWidth, image.stageHeight];
    return stage.find('Rect').filter(box => box.isVisible() && box.hasName('_transformable'))
        .map(box => [box.x() / width, box.y() / height,
                     (box.x() + box.width()) / width, (box.y() + box.height()) / height]);
}"""
IMAGE_IS_LOADED = """() => {
    const image = [...document.images].find(one => one.src.includes('/data/local-files/'));
    const selected = window.Htx && Htx.annotationStore.selected;
    return image && image.complete && image.naturalWidth === 64
        && window.Konva && Konva.stages.length && selected && selected.regions.length === 2;
}"""
CANVAS = "canvas >> nth=0"


@pytest.fixture
def page(browser: Any, harbour: Harbour) -> Iterator[Any]:
    """A page of somebody logged in; it fails the test when it asks for another machine."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    strangers: list[str] = []
    page.on(
        "request",
        lambda request: (
            strangers.append(request.url)
            if request.url.startswith("http") and not request.url.startswith(harbour.server.url)
            else None
        ),
    )
    page.goto(f"{harbour.server.url}/user/login")
    page.fill("input[name=email]", harbour.server.username)
    page.fill("input[name=password]", harbour.server.password)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "login" not in url)
    yield page
    page.close()
    assert strangers == []


@pytest.mark.slow
def test_a_task_shows_its_boxes_and_a_correction_comes_back(page: Any, harbour: Harbour) -> None:
    truth = boxes((8, 6, 24, 18), (40, 30, 60, 45))
    tile = replace(harbour.tiles[0], boxes=truth)
    harbour.tiles[:] = [tile]
    harbour.sync()
    task = harbour.tasks()[tile.tile_id]["id"]

    page.goto(f"{harbour.project.url}/data?task={task}")
    page.wait_for_function(IMAGE_IS_LOADED)
    page.wait_for_function(f"({DRAWN_BOXES})().length === 2")
    drawn = np.array(sorted(page.evaluate(DRAWN_BOXES))) * [64, 48, 64, 48]
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
    assert sorted(back.boxes.labels) == ["buoy", "ship", "ship"]
    buoy = back.boxes.xyxy[back.boxes.labels.index("buoy")]
    np.testing.assert_allclose(buoy, (0.05 * 64, 0.6 * 48, 0.2 * 64, 0.8 * 48), atol=1)
