"""A person sees the shapes of every kind in a real browser, and accepts them without a change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import make_tile
from tests.fixtures.label_studio import Harbour
from tests.integration.test_label_studio_browser import logged_in
from tests.integration.test_label_studio_shapes import as_sent, some_of
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.server import ServerConnection
from utils.dataset.review import ReviewState
from utils.shapes.shapes import ShapeKind

# The task on the page, once its image, its regions or its class, and the buttons are there.
READY = """([previous, results]) => {
    const loaded = [...document.images].some(one => one.src.startsWith('blob:')
        && one.complete && one.naturalWidth === 64);
    const annotation = window.Htx && Htx.annotationStore && Htx.annotationStore.selected;
    const submit = document.querySelector('[data-testid=bottombar-submit-button]');
    if (!loaded || !annotation || !Htx.task || Htx.task.id === previous) return null;
    if (!submit || submit.disabled || Htx.isSubmitting) return null;
    return annotation.serializeAnnotation().length === results ? Htx.task.id : null;
}"""
RESULTS = {
    ShapeKind.DETECT: 2,
    ShapeKind.OBB: 2,
    ShapeKind.SEGMENT: 3,  # one polygon is of two parts
    ShapeKind.CLASSIFY: 1,
}


@pytest.fixture
def page(browser: Any, label_studio: ServerConnection) -> Iterator[Any]:
    """A page of somebody logged in."""
    yield from logged_in(browser, label_studio)


@pytest.mark.parametrize("kind", ShapeKind)
def test_what_a_person_accepts_comes_back_as_it_was_sent(
    page: Any, label_studio: ServerConnection, tmp_path: Path, kind: ShapeKind
) -> None:
    tiles = [
        make_tile(tmp_path / "store", x=64 * n, seed=n, truth=some_of(kind, n)) for n in range(3)
    ]
    options = LabelStudioOptions(project=f"accepted {kind}")
    bay = Harbour(label_studio, tmp_path, tiles, options, kind=kind)
    bay.sync()
    page.goto(f"{bay.project.url}/data")
    page.get_by_text("Label All Tasks").click()
    seen = None
    for _ in range(2):
        seen = page.wait_for_function(READY, arg=[seen, RESULTS[kind]], polling=200).json_value()
        with page.expect_response(lambda answer: "/annotations" in answer.url):
            page.keyboard.press("Control+Enter")
    page.screenshot(path=tmp_path / f"{kind}.png")
    result = bay.export()
    assert not result.issues
    reviewed = [tile for tile in result.dataset if tile.reviewed]
    assert [tile.review and tile.review.state for tile in reviewed] == [ReviewState.ACCEPTED] * 2
    truth = {tile.tile_id: tile.shapes for tile in tiles}
    for tile in reviewed:
        sent = truth[tile.tile_id]
        assert sent is not None
        as_sent(tile.shapes, sent)


def test_another_class_takes_the_place_of_the_one_proposed(
    page: Any, label_studio: ServerConnection, tmp_path: Path
) -> None:
    kind = ShapeKind.CLASSIFY
    tiles = [make_tile(tmp_path / "store", x=64 * n, truth=some_of(kind, 0)) for n in range(2)]
    options = LabelStudioOptions(project="another class")
    bay = Harbour(label_studio, tmp_path, tiles, options, kind=kind)
    bay.sync()
    page.goto(f"{bay.project.url}/data")
    page.get_by_text("Label All Tasks").click()
    page.wait_for_function(READY, arg=[None, 1], polling=200)
    page.keyboard.press("2")  # the class "buoy"
    with page.expect_response(lambda answer: "/annotations" in answer.url):
        page.keyboard.press("Control+Enter")
    (changed,) = [tile for tile in bay.export().dataset if tile.reviewed]
    assert changed.shapes.labels == ("buoy",)
    assert changed.review is not None
    assert changed.review.state == ReviewState.CHANGED
    assert bay.tab("Changed") == [changed.tile_id]
