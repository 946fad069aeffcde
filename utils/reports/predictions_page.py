"""The page of predictions: boxes by scene, class and score, and pictures of some."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest

import numpy as np
from markupsafe import Markup

from utils.detection.predictions import Predictions, ScenePrediction
from utils.errors import ImageError
from utils.reports.counting import ShapeCounts, shuffled
from utils.reports.page import NOTHING, columns, facts, page, paragraph, section, table
from utils.reports.pictures import caption_alone, key, picture, sheet
from utils.reports.scene_pictures import crop_windows, crops, overview
from utils.scenes.bucket import local_image
from utils.shapes.shapes import Shapes

_SCENES_SHOWN = 6
_SCENES_LISTED = 100
_CROPS_OF_A_SCENE = 4
_OVERVIEW_SIDE = 640
_CROP_SIDE = 160


def predictions_page(predictions: Predictions) -> str:
    """Make the page; predictions are streamed once, and the images of six scenes are opened.

    Args:
        predictions: Predictions with one row for each scene.
    """
    counts = _Counts()
    chosen = nsmallest(_SCENES_SHOWN, counts.passing(predictions), key=_most_telling)
    pictured = [_pictures(scene) for scene in chosen]
    lowest = [crop for scene in pictured for crop in scene.lowest]
    highest = [crop for scene in pictured for crop in scene.highest]
    return page(
        "Predictions",
        f"The detector's {counts.found.kind.noun} in whole scenes. "
        f"Model version: {', '.join(counts.versions)}.",
        _facts(counts),
        columns(
            section(f"{counts.found.noun} by score", counts.found.score_chart()),
            *counts.found.charts(predictions.class_names),
        ),
        section(
            "Scenes",
            key(truth=counts.labeled > 0, found=True),
            sheet([scene.whole for scene in pictured], cell=320),
        ),
        section("Lowest scores", sheet(lowest, cell=110)) if lowest else NOTHING,
        section("Highest scores", sheet(highest, cell=110)) if highest else NOTHING,
        _scenes_table(counts),
    )


@dataclass
class _Counts:
    """Counts of the scenes, gathered while they stream by."""

    scenes: int = 0
    labeled: int = 0
    true_boxes: int = 0
    pixels: int = 0
    seconds: float = 0.0
    windows: int = 0
    skipped_windows: int = 0
    windows_without_data: int = 0
    windows_outside: int = 0
    at_edge: int = 0
    edge_boxes_dropped: int = 0
    boxes_outside: int = 0
    versions: dict[str, None] = field(default_factory=dict)
    found: ShapeCounts = field(default_factory=ShapeCounts)
    rows: list[tuple[str, str, int, int | None, float | None, float]] = field(default_factory=list)

    def passing(self, scenes: Iterable[ScenePrediction]) -> Iterator[ScenePrediction]:
        for scene in scenes:
            self.scenes += 1
            self.labeled += scene.truth is not None
            self.true_boxes += len(scene.truth or ())
            self.pixels += scene.width * scene.height
            self.seconds += scene.seconds
            self.windows += scene.windows
            self.skipped_windows += scene.skipped_windows
            self._add_left_out(scene)
            self.versions[scene.model_version] = None
            self.found.add(_answers(scene.shapes))
            if len(self.rows) < _SCENES_LISTED:
                self.rows.append(_row(scene))
            yield scene

    def _add_left_out(self, scene: ScenePrediction) -> None:
        self.windows_without_data += scene.windows_without_data
        self.windows_outside += scene.windows_outside
        self.at_edge += sum(scene.at_edge)
        self.edge_boxes_dropped += scene.edge_boxes_dropped
        self.boxes_outside += scene.boxes_outside


@dataclass(frozen=True, slots=True)
class _ScenePictures:
    """Pictures of a scene, and of its boxes with the lowest and the highest scores."""

    whole: Markup
    lowest: tuple[Markup, ...] = ()
    highest: tuple[Markup, ...] = ()


def _facts(counts: _Counts) -> Markup:
    megapixels = counts.pixels / 1e6
    return facts(
        {
            "Scenes": counts.scenes,
            f"{counts.found.noun} found": counts.found.total,
            f"True {counts.found.kind.noun}": counts.true_boxes if counts.labeled else None,
            "Megapixels": round(megapixels),
            "Windows": counts.windows or None,
            "Windows of empty water": counts.skipped_windows or None,
            "Windows without data": counts.windows_without_data or None,
            "Windows outside the regions": counts.windows_outside or None,
            f"{counts.found.noun} at the edge of missing data": counts.at_edge or None,
            f"{counts.found.noun} dropped at such edges": counts.edge_boxes_dropped or None,
            f"{counts.found.noun} dropped outside the regions": counts.boxes_outside or None,
            "Seconds": counts.seconds,
            "Megapixels a second": megapixels / counts.seconds if counts.seconds else None,
        }
    )


def _row(scene: ScenePrediction) -> tuple[str, str, int, int | None, float | None, float]:
    scores = scene.shapes.scores
    best = float(scores.max()) if scores is not None and len(scores) else None
    truth = None if scene.truth is None else len(scene.truth)
    size = f"{scene.width:,} x {scene.height:,}"
    return scene.scene_id, size, len(scene.shapes), truth, best, scene.seconds


def _scenes_table(counts: _Counts) -> Markup:
    headings = ["Scene", "Pixels", f"{counts.found.noun} found", f"True {counts.found.kind.noun}"]
    headings += ["Best score", "Seconds"]
    left_out = counts.scenes - len(counts.rows)
    rest = paragraph(f"and {left_out:,} more scenes") if left_out else NOTHING
    return section("Scene by scene", table(headings, counts.rows), rest)


def _most_telling(scene: ScenePrediction) -> tuple[bool, str]:
    """Scenes with boxes first, otherwise a fair sample."""
    return not len(scene.shapes), shuffled(scene.scene_id)


def _pictures(scene: ScenePrediction) -> _ScenePictures:
    """The pictures of a scene; its name alone if its image cannot be read."""
    order = _by_score(_answers(scene.shapes))
    caption = f"{scene.scene_id}: {len(scene.shapes):,} found"
    try:
        image = overview(local_image(scene.location), scene.width, scene.height, _OVERVIEW_SIDE)
        whole = picture(
            image,
            (scene.width, scene.height),
            caption,
            truth=scene.truth,
            found=scene.shapes.by_score(),
            side=_OVERVIEW_SIDE,
        )
        count = min(_CROPS_OF_A_SCENE, len(order) // 2)
        pictured = _crop_pictures(scene, [*order[:count], *order[len(order) - count :]])
    except ImageError as error:
        return _ScenePictures(caption_alone(f"{caption} ({error})"))
    return _ScenePictures(whole, tuple(pictured[:count]), tuple(pictured[count:][::-1]))


def _answers(found: Shapes) -> Shapes:
    """The shapes that were found; of the classes of an image the best alone."""
    if found.kind.has_places:
        return found
    return found.by_score().select(list(range(len(found)))[:1])


def _by_score(shapes: Shapes) -> list[int]:
    """The indices of boxes, lowest score first."""
    scores = np.zeros(len(shapes)) if shapes.scores is None else shapes.scores
    return [int(index) for index in np.argsort(scores, kind="stable")]


def _crop_pictures(scene: ScenePrediction, chosen: Sequence[int]) -> list[Markup]:
    boxes = scene.shapes.select(list(chosen))
    windows = crop_windows(boxes.xyxy, scene.width, scene.height)
    pictures = [NOTHING] * len(windows)
    for index, image in crops(local_image(scene.location), windows):
        window = windows[index]
        one = boxes.select([index]).shifted(-window.x, -window.y)
        score = "" if one.scores is None else f"{one.scores[0]:.2f}"
        pictures[index] = picture(
            image,
            (window.width, window.height),
            f"{one.labels[0]} {score}",
            found=one,
            side=_CROP_SIDE,
        )
    return pictures
