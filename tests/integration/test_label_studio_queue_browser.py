"""A person works through the labelling queue in a real browser, and the export counts it right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.builders import boxes
from tests.fixtures.label_studio import Harbour, make_harbour
from tests.integration.test_label_studio_browser import logged_in
from tests.integration.test_label_studio_proposals import (
    delete_all,
    feed_back,
    move,
    skip,
    submit,
)
from utils.annotation.label_studio.server import ServerConnection

# The task on the page, once its image, its boxes and the buttons are there.
READY = """previous => {
    const loaded = [...document.images].some(one => one.src.startsWith('blob:')
        && one.complete && one.naturalWidth === 64);
    const annotation = window.Htx && Htx.annotationStore && Htx.annotationStore.selected;
    const submit = document.querySelector('[data-testid=bottombar-submit-button]');
    if (!loaded || !annotation || !Htx.task || Htx.task.id === previous) return null;
    if (!submit || submit.disabled || Htx.isSubmitting) return null;
    const boxes = Konva.stages.flatMap(stage => stage.find('Rect'))
        .filter(box => box.isVisible() && box.hasName('_transformable'));
    return boxes.length === annotation.regions.length ? Htx.task.id : null;
}"""
TILES = 23
ACCEPT, SKIP = "Control+Enter", "Control+Space"


@pytest.fixture
def page(browser: Any, label_studio: ServerConnection) -> Iterator[Any]:
    """A page of somebody logged in."""
    yield from logged_in(browser, label_studio)


@pytest.fixture
def queue(label_studio: ServerConnection, tmp_path: Any) -> Harbour:
    """Tiles with two ships each; the last one that a person sees is empty."""
    harbour = make_harbour(label_studio, tmp_path, TILES, ground_truth="proposals")
    truth = boxes((8, 6, 24, 18), (40, 30, 60, 45))
    harbour.tiles = [replace(tile, shapes=truth) for tile in harbour.tiles]
    harbour.tiles[20] = replace(harbour.tiles[20], shapes=boxes())
    return harbour


def draw(page: Any) -> None:
    """Draw a buoy from (5 %, 60 %) to (20 %, 80 %) of the image."""
    canvas = page.locator("canvas >> nth=0").bounding_box()

    def to(x: float, y: float) -> None:
        page.mouse.move(canvas["x"] + x * canvas["width"], canvas["y"] + y * canvas["height"])

    page.keyboard.press("2")  # the class "buoy"
    to(0.05, 0.6)
    page.mouse.down()
    to(0.1, 0.7)
    to(0.2, 0.8)
    page.mouse.up()
    page.wait_for_function("Htx.annotationStore.selected.regions.length === 3")


def delete_a_box(page: Any) -> None:
    """Select the first box by a click into it, and delete it."""
    canvas = page.locator("canvas >> nth=0").bounding_box()
    x, y = 16 / 64 * canvas["width"], 12 / 48 * canvas["height"]
    page.mouse.click(canvas["x"] + x, canvas["y"] + y)
    page.wait_for_function("Htx.annotationStore.selected.selectedRegions.length === 1")
    page.keyboard.press("Backspace")
    page.wait_for_function("Htx.annotationStore.selected.regions.length === 1")


@pytest.mark.slow
def test_twenty_tiles_in_a_row_are_accepted_corrected_or_skipped(page: Any, queue: Harbour) -> None:
    queue.sync()
    page.goto(f"{queue.project.url}/data")
    page.get_by_text("Label All Tasks").click()

    seen: list[int] = []
    for number in range(21):
        task = page.wait_for_function(READY, arg=seen[-1] if seen else None, polling=200)
        seen.append(task.json_value())
        if number in (3, 9):
            draw(page)
        elif number == 12:
            delete_a_box(page)
        with page.expect_response(lambda answer: "/annotations" in answer.url):
            page.keyboard.press(SKIP if number in (5, 15) else ACCEPT)
    assert len(set(seen)) == 21

    result = queue.export()
    counts = result.statistics
    assert (counts.accepted, counts.changed, counts.rejected, counts.skipped) == (16, 3, 0, 2)
    assert (counts.reviewed, counts.ground_truth) == (19, 2)
    who = queue.server.username
    assert result.quality.figures()["reviewed_by"] == f"{who} (16 accepted, 3 changed, 2 skipped)"
    drawn = [tile for tile in result.dataset if "buoy" in tile.shapes.labels]
    assert [len(tile.shapes) for tile in drawn] == [3, 3]
    sizes = {title: len(queue.tab(title)) for title in ("Waiting", "Accepted", "Changed")}
    # Only the export sees that a box was deleted.
    assert sizes == {"Waiting": 2, "Accepted": 16, "Changed": 2}
    assert (len(queue.tab("Empty")), len(queue.tab("Skipped"))) == (1, 2)


PICTURES = """least => [...document.images].filter(one => {
    const {left, right, bottom} = one.getBoundingClientRect();
    return one.src.includes('/data/local-files/') && one.complete && one.naturalWidth === 64
        && left > 0 && right < innerWidth && bottom < innerHeight;
}).length >= least"""


def test_the_first_screen_of_every_tab_shows_pictures(page: Any, queue: Harbour) -> None:
    queue.sync()
    work = {"Accepted": submit, "Changed": move, "Empty": delete_all, "Skipped": skip}
    for task, does in zip(queue.tasks().values(), work.values(), strict=False):
        does(queue, task)
    page.goto(f"{queue.project.url}/data")
    for title, least in {"Waiting": 5, "By priority": 5, **dict.fromkeys(work, 1)}.items():
        page.get_by_text(title, exact=True).first.click()
        page.wait_for_function(PICTURES, arg=least)
        page.screenshot(path=queue.folder / f"{title}.png")


def test_tasks_as_displayed_begin_with_the_highest_priority(page: Any, queue: Harbour) -> None:
    queue.sync()
    queue.tiles.append(replace(queue.tiles[0], tile_id="picked", shapes=None))
    feed_back(queue, queue.tiles[-1:], "1", priority=0.5)
    page.goto(f"{queue.project.url}/data")
    page.get_by_text("Label All Tasks").locator("xpath=following::button[1]").click()
    page.get_by_text("Label Tasks As Displayed").click()
    number = page.wait_for_function(READY, polling=200).json_value()
    assert queue.tasks()["picked"]["id"] == number
