"""Shapes of every kind to the real Label Studio and back: proposals, reviews, and the export."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from tests.builders import make_tile
from tests.fixtures.label_studio import Harbour
from utils.annotation.label_studio.connection import ask
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.project import check_project, open_project
from utils.annotation.label_studio.reviews import reviews_since
from utils.annotation.label_studio.sending import send_tiles
from utils.annotation.label_studio.server import ServerConnection
from utils.annotation.preannotations import Preannotation
from utils.dataset.labeled import LabeledTile
from utils.dataset.review import ReviewState
from utils.errors import LabelStudioError
from utils.shapes.columns import with_kind
from utils.shapes.outlines import corners_of, oriented_boxes
from utils.shapes.shapes import ShapeKind, Shapes
from utils.tiling.manifest import TileManifest

WIDTH, HEIGHT = 64, 48
PIXELS = 0.01


def some_of(kind: ShapeKind, seed: int) -> Shapes:
    """Shapes of a kind on a tile, different for every seed."""
    at = np.random.default_rng(seed).uniform(0, 8, 2)
    x, y = at.tolist()
    match kind:
        case ShapeKind.DETECT:
            boxes = np.array([(x, y, x + 20.25, y + 10.5), (x + 30, y + 8, x + 40, y + 30)])
            return Shapes(boxes, ("ship", "buoy"))
        case ShapeKind.OBB:
            centres = [(x + 16, y + 16), (x + 36, y + 24)]
            turned = oriented_boxes(centres, [(20, 6.5), (4, 12)], [31 * seed, 250 + seed])
            return Shapes.of_outlines(turned, ["ship", "buoy"], kind=kind)
        case ShapeKind.SEGMENT:
            hole = shapely.box(x + 6, y + 6, x + 10, y + 9)
            bay = shapely.Point(x + 10, y + 10).buffer(8).difference(hole)
            island = shapely.box(x + 30, y, x + 40, y + 10)
            shapes = [shapely.MultiPolygon([bay, island]), shapely.box(x + 40, 30, x + 50, 40)]
            return Shapes.of_outlines(shapes, ["ship", "buoy"])
        case ShapeKind.CLASSIFY:
            return Shapes.of_image(WIDTH, HEIGHT, ("ship", "buoy")[seed % 2])


Make = Callable[..., Harbour]


@pytest.fixture(params=list(ShapeKind))
def kind(request: pytest.FixtureRequest) -> ShapeKind:
    found: ShapeKind = request.param
    return found


@pytest.fixture
def bay(label_studio: ServerConnection, tmp_path: Path, kind: ShapeKind) -> Harbour:
    """A new project of a kind and 6 tiles, not sent yet, whose labels wait as proposals."""
    tiles = [
        make_tile(tmp_path / "store", x=64 * n, seed=n, truth=some_of(kind, n)) for n in range(6)
    ]
    options = LabelStudioOptions(project=f"bay {kind} {tmp_path.name}"[:50])
    return Harbour(label_studio, tmp_path, tiles, options, kind=kind)


def as_sent(found: Shapes, truth: Shapes) -> None:
    """Fails unless the shapes are the same to a hundredth of a pixel."""
    assert (found.kind, found.labels) == (truth.kind, truth.labels)
    np.testing.assert_allclose(found.xyxy, truth.xyxy, atol=PIXELS)
    assert (shapely.hausdorff_distance(found.polygons, truth.polygons) < PIXELS).all()
    np.testing.assert_allclose(found.areas, truth.areas, atol=PIXELS)
    if truth.kind == ShapeKind.OBB:
        assert found.outlines is not None
        assert truth.outlines is not None
        corners = corners_of(found.outlines), corners_of(truth.outlines)
        np.testing.assert_allclose(*corners, atol=PIXELS)


@pytest.mark.parametrize("ground_truth", ["proposals", "annotations"])
def test_labels_come_back_as_they_were_sent(
    bay: Harbour, kind: ShapeKind, ground_truth: str
) -> None:
    report = bay.sync(ground_truth=ground_truth)
    assert report.added == 6
    assert not report.issues
    result = bay.export()
    assert not result.issues
    assert result.dataset.kind == kind
    assert result.dataset.class_names == ("ship", "buoy")
    found = {tile.tile_id: tile.shapes for tile in result.dataset}
    for tile in bay.tiles:
        assert tile.shapes is not None
        as_sent(found[tile.tile_id], tile.shapes)
    assert bay.sync(ground_truth=ground_truth).added == 0


def submit(bay: Harbour, task: dict[str, Any], result: list[dict[str, Any]], **more: Any) -> None:
    """Submit an annotation as the page does that began with the prediction shown."""
    (*_, prediction) = task["predictions"]
    body = {"result": result, "parent_prediction": prediction["id"], "lead_time": 3} | more
    ask(bay.client, "POST", f"api/tasks/{task['id']}/annotations/", json=body)


def with_another_label(region: dict[str, Any]) -> dict[str, Any]:
    key, value = region["type"], region["value"]
    return {**region, "value": {**value, key: ["buoy" if value[key] == ["ship"] else "ship"]}}


def test_reviews_of_every_kind(bay: Harbour, kind: ShapeKind) -> None:
    found = [
        (tile, Preannotation(replace(some_of(kind, n + 1), scores=scores(kind)), "4", 1 - n / 10))
        for n, tile in enumerate(bay.tiles)
    ]
    unlabelled = [(replace(tile, shapes=None), one) for tile, one in found]
    report = send_tiles(bay.client, bay.project, unlabelled, bay.images, bay.options)
    assert (report.added, list(report.issues.issues)) == (6, [])
    again = send_tiles(bay.client, bay.project, unlabelled, bay.images, bay.options)
    assert (again.added, again.updated, again.unchanged) == (0, 0, 6)
    tasks = [bay.tasks()[tile.tile_id] for tile in bay.tiles]
    results = [task["predictions"][-1]["result"] for task in tasks]
    assert results[0][0]["score"] == 0.75
    submit(bay, tasks[0], results[0])
    submit(bay, tasks[1], results[1])
    submit(bay, tasks[2], [with_another_label(region) for region in results[2]])
    submit(bay, tasks[3], [])
    submit(bay, tasks[4], results[4], was_cancelled=True)
    result = bay.export(max_bad_share=0.5)
    rows = {tile.tile_id: tile for tile in result.dataset}
    states = [state_of(rows.get(tile.tile_id)) for tile in bay.tiles]
    # Whoever leaves no class says nothing; whoever leaves no shape says that there is none.
    emptied = None if kind == ShapeKind.CLASSIFY else ReviewState.REJECTED
    accepted, changed = ReviewState.ACCEPTED, ReviewState.CHANGED
    assert states == [accepted, accepted, changed, emptied, None, None]
    assert result.issues.counts().get("no class", 0) == (kind == ShapeKind.CLASSIFY)
    as_sent(rows[bay.tiles[0].tile_id].shapes, some_of(kind, 1))
    latest = {one.tile_id: one.of_model for one in reviews_since(bay.client, bay.project, None)}
    review = latest[bay.tiles[0].tile_id]
    assert review is not None
    assert (review.state, review.proposed_by) == (accepted, "4")


def scores(kind: ShapeKind) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([0.75] if kind == ShapeKind.CLASSIFY else [0.75, 0.5])


def state_of(tile: LabeledTile | None) -> ReviewState | None:
    return tile.review.state if tile is not None and tile.review is not None else None


def test_a_project_of_another_kind_is_refused_before_anything_is_sent(
    bay: Harbour, kind: ShapeKind
) -> None:
    assert check_project(bay.client, bay.options, (), kind) is None
    assert bay.project.kind == kind
    for other in set(ShapeKind) - {kind}:
        told = f"is made for {kind.noun} and not for {other.noun}. Give another project name"
        with pytest.raises(LabelStudioError, match=told):
            check_project(bay.client, bay.options, (), other)
        with pytest.raises(LabelStudioError, match=told):
            open_project(bay.client, bay.options, ["ship"], other)
    assert check_project(bay.client, bay.options) == bay.project.id


def test_a_rectangle_among_polygons_sets_its_tile_aside_with_the_task(
    label_studio: ServerConnection, tmp_path: Path
) -> None:
    tiles = [
        make_tile(tmp_path / "store", x=64 * n, seed=n, truth=some_of(ShapeKind.SEGMENT, n))
        for n in range(2)
    ]
    options = LabelStudioOptions(project="a rectangle among polygons")
    bay = Harbour(label_studio, tmp_path, tiles, options, kind=ShapeKind.SEGMENT)
    bay.sync()
    task = bay.tasks()[tiles[0].tile_id]
    place = {"x": 10, "y": 10, "width": 50, "height": 50, "rotation": 0}
    region = {
        "id": "drawn",
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "value": place | {"rectanglelabels": ["ship"]},
    }
    submit(bay, task, [*task["predictions"][-1]["result"], region])
    result = bay.export(max_bad_share=1)
    assert [tile.tile_id for tile in result.dataset] == [tiles[1].tile_id]
    (issue,) = result.issues.issues
    assert issue.set_aside
    assert issue.detail == (
        f"task {task['id']}: region drawn is a rectangle, which cannot become a polygon: draw the "
        "outline in its place"
    )


def test_a_manifest_keeps_its_kind(bay: Harbour, kind: ShapeKind) -> None:
    assert TileManifest(bay.manifest.path).kind == kind
    assert with_kind(kind).items() <= bay.manifest.footer.items()
