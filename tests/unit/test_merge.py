"""One object, one box, however many windows saw it."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.detection.merge import merge_certain, merge_windows
from utils.geometry import Window, box_areas, clip_boxes
from utils.shapes.grid import tile_windows
from utils.shapes.shapes import Shapes

LEFT, RIGHT = Window(x=0, y=0, width=100, height=100), Window(x=80, y=0, width=100, height=100)
WIDTH, HEIGHT = 180, 100


def seen(*rows, labels=None):
    """Shapes from (x1, y1, x2, y2, score) rows."""
    array = np.array(rows, dtype=float).reshape(-1, 5)
    return Shapes(array[:, :4], labels or ("ship",) * len(array), array[:, 4])


def merged(left, right, **options):
    return merge_windows([(LEFT, left), (RIGHT, right)], WIDTH, HEIGHT, **options)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param(
            seen((82, 10, 98, 20, 0.8)),
            seen((82, 10, 98, 21, 0.9)),
            seen((82, 10, 98, 21, 0.9)),
            id="seen whole by both windows: the better one counts",
        ),
        pytest.param(
            seen((70, 10, 95, 20, 0.6)),
            seen((80, 10, 95, 20, 0.9)),
            seen((70, 10, 95, 20, 0.9)),
            id="whole in one window, cut by the other: the whole box with the best score",
        ),
        pytest.param(
            seen((30, 10, 100, 20, 0.7)),
            seen((80, 10, 150, 20, 0.8)),
            seen((30, 10, 150, 20, 0.8)),
            id="cut by both windows, longer than the overlap: the hull of the pieces",
        ),
        pytest.param(
            seen((40, 10, 83, 20, 0.9)),
            seen((80, 9, 86, 21, 0.3)),
            seen((40, 10, 83, 20, 0.9)),
            id="a sliver at the border, whose extent is guessed",
        ),
        pytest.param(
            seen((70, 10, 95, 20, 0.6)),
            seen((80, 10, 95, 20, 0.9), (80, 10, 94, 16, 0.3)),
            seen((70, 10, 95, 20, 0.9)),
            id="whole in one window, found twice by the one that cuts it",
        ),
        pytest.param(
            seen((30, 10, 100, 20, 0.7)),
            seen((80, 10, 150, 20, 0.8), (80, 12, 140, 19, 0.3)),
            seen((30, 10, 150, 20, 0.8), (80, 12, 140, 19, 0.3)),
            id="found twice, and no window sees all of it: nobody knows",
        ),
        pytest.param(
            seen((85, 10, 92, 40, 0.9), (90, 10, 97, 40, 0.8)),
            seen((85, 10, 92, 40, 0.7), (90, 10, 97, 40, 0.6)),
            seen((85, 10, 92, 40, 0.9), (90, 10, 97, 40, 0.8)),
            id="two ships side by side stay two",
        ),
        pytest.param(
            seen((82, 10, 98, 30, 0.9), (83, 11, 97, 29, 0.8)),
            seen((82, 10, 98, 30, 0.7)),
            seen((82, 10, 98, 30, 0.9), (83, 11, 97, 29, 0.8)),
            id="two boxes of one window are never merged",
        ),
        pytest.param(
            seen((82, 10, 98, 20, 0.8)),
            seen((82, 10, 98, 20, 0.9), labels=("buoy",)),
            seen((82, 10, 98, 20, 0.9), (82, 10, 98, 20, 0.8), labels=("buoy", "ship")),
            id="objects of two classes are two objects",
        ),
        pytest.param(
            seen((10, 10, 20, 20, 0.9)),
            seen((160, 10, 170, 20, 0.5)),
            seen((10, 10, 20, 20, 0.9), (160, 10, 170, 20, 0.5)),
            id="far apart",
        ),
        pytest.param(seen(), seen(), seen(), id="nothing found"),
    ],
)
def test_what_two_windows_found_becomes_one_box_an_object(left, right, expected):
    assert merged(left, right) == expected


def test_an_object_that_spans_three_windows_is_found_once():
    windows = list(tile_windows(260, 100, 100, 20))
    pieces = [seen((max(40, w.x), 40, min(220, w.x + 100), 60, 0.5)) for w in windows]
    found = merge_windows(list(zip(windows, pieces, strict=True)), 260, 100)
    assert found.xyxy.tolist() == [[40, 40, 220, 60]]


def test_a_scene_without_windows_has_no_objects():
    assert len(merge_windows([], 10, 10)) == 0


@st.composite
def objects_and_grid(draw):
    """Objects that may touch but not overlap, and the windows that see them."""
    tile_size = draw(st.integers(40, 90))
    overlap = draw(st.integers(8, tile_size // 2))
    cells = draw(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
    # One object a cell of 50 pixels, which it may fill.
    sizes = [draw(st.tuples(st.integers(6, 50), st.integers(6, 50))) for _ in cells]
    objects = [
        (50 * column, 50 * row, 50 * column + width, 50 * row + height)
        for (column, row), (width, height) in zip(sorted(cells), sizes, strict=True)
    ]
    return np.array(objects, dtype=float).reshape(-1, 4), tile_size, overlap


@settings(deadline=None)
@given(objects_and_grid())
def test_a_perfect_detector_finds_every_object_exactly_once(scene):
    objects, tile_size, overlap = scene
    found = []
    for window in tile_windows(300, 300, tile_size, overlap):
        visible = clip_boxes(objects, window.xyxy)
        visible = visible[box_areas(visible) > 0]
        found.append((window, Shapes(visible, ("ship",) * len(visible), np.ones(len(visible)))))
    result = merge_windows(found, 300, 300)
    assert sorted(map(tuple, result.xyxy)) == sorted(map(tuple, objects))


@st.composite
def small_objects_with_second_guesses(draw):
    """Objects that a window sees whole, and what windows that cut them may find beside the rest."""
    overlap = draw(st.integers(20, 40))
    tile_size = draw(st.integers(2 * overlap, 90))
    cells = draw(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8))
    side = st.integers(6, overlap - 9)
    corners = [(50 * column, 50 * row) for column, row in sorted(cells)]
    rows = [(x, y, x + draw(side), y + draw(side)) for x, y in corners]
    objects = np.array(rows, dtype=float).reshape(-1, 4)
    found = []
    for window in tile_windows(300, 300, tile_size, overlap):
        visible = clip_boxes(objects, window.xyxy)
        rows = []
        for box, whole in zip(visible, objects, strict=True):
            if box_areas([box])[0] > 0:
                rows.append((*box, 0.9))
                cut_in_x, cut_in_y = (box != whole).reshape(2, 2).any(axis=0)
                if cut_in_x or cut_in_y:  # some of the rest, as far as the border
                    x1, y1, x2, y2 = box
                    along_x, along_y = (draw(st.floats(0.3, 0.9)), 1) if cut_in_y else (1, 0.5)
                    rows.append((x1, y1, x1 + along_x * (x2 - x1), y1 + along_y * (y2 - y1), 0.3))
        found.append((window, seen(*rows)))
    return objects, found


@settings(deadline=None)
@given(small_objects_with_second_guesses())
def test_what_a_border_leaves_of_an_object_is_not_an_object_of_its_own(scene):
    objects, found = scene
    result = merge_windows(found, 300, 300)
    assert sorted(map(tuple, result.xyxy)) == sorted(map(tuple, objects))


@pytest.mark.parametrize("seed", range(200))
def test_a_ship_across_a_border_is_found_once_however_it_lies(seed):
    """By a simulated detector, off by up to 8 % of what it sees and by 2 pixels at most."""
    rng = np.random.default_rng(seed)
    side, tile_size, overlap = 1000, 400, 80
    border = rng.choice([320, 400, 640, 720], 2)
    length, beam = rng.uniform(20, 300), rng.uniform(8, 60)
    size = rng.permutation([length, beam])
    x, y = border - rng.uniform(0.1, 0.9, 2) * size
    ship = np.array([[x, y, x + size[0], y + size[1]]])
    found = []
    for window in tile_windows(side, side, tile_size, overlap):
        visible = clip_boxes(ship, window.xyxy)
        share = float(box_areas(visible)[0] / box_areas(ship)[0])
        if share > 0.1:
            error = np.minimum(0.08 * np.tile(visible[:, 2:] - visible[:, :2], 2), 2)
            off = clip_boxes(visible + rng.uniform(-1, 1, 4) * error, window.xyxy)
            found.append((window, Shapes(off, ("ship",), np.array([0.4 + 0.5 * share]))))
    (box,) = merge_windows(found, side, side).xyxy
    assert np.allclose(box, ship[0], atol=4)


@st.composite
def findings(draw):
    """Whatever a detector may find in overlapping windows."""
    windows = list(tile_windows(90, 90, 40, draw(st.integers(5, 20))))
    corner, side, score = st.integers(0, 36), st.integers(1, 40), st.sampled_from([0.2, 0.5, 0.9])
    found = []
    for window in windows:
        rows = draw(st.lists(st.tuples(corner, corner, side, side, score), max_size=4))
        boxes = [
            (x, y, min(x + w, window.width), min(y + h, window.height), s)
            for x, y, w, h, s in rows
            if x < window.width and y < window.height
        ]
        labels = tuple(draw(st.sampled_from(["ship", "buoy"])) for _ in boxes)
        found.append((window, seen(*boxes, labels=labels).shifted(window.x, window.y)))
    return found


def brute_force(found, width, height, merge_iou):
    """The same rules, applied to every pair of boxes."""
    rows = sorted(
        (-score, *box, label, window)
        for window, boxes in found
        for box, label, score in zip(boxes.xyxy.tolist(), boxes.labels, boxes.scores, strict=True)
    )
    matches = []
    for (i, one), (j, other) in combinations(enumerate(rows), 2):
        alike = likeness(one, other, width, height, merge_iou)
        if alike is not None:
            matches.append((-alike, i, j))
    groups = [{i} for i in range(len(rows))]
    for _, i, j in sorted(matches):
        one, other = (next(g for g in groups if k in g) for k in (i, j))
        if one is not other and not {rows[k][6] for k in one} & {rows[k][6] for k in other}:
            groups.remove(other)
            one |= other
    guesses = [
        group
        for group in groups
        if all(is_cut(rows[k], width, height) for k in group)
        and any(
            len({i, j} & group) == 1 and not is_cut(rows[({i, j} - group).pop()], width, height)
            for _, i, j in matches
        )
    ]
    real = [group for group in groups if group not in guesses]
    return sorted((rows[min(g)][0], *box_of([rows[k] for k in sorted(g)])) for g in real)


def likeness(one, other, width, height, merge_iou):
    first, second = one[6], other[6]
    if one[5] != other[5] or first == second:
        return None
    shared = clip_boxes([first.xyxy], second.xyxy)[0]
    parts = clip_boxes([one[1:5], other[1:5]], tuple(shared))
    if box_areas([shared])[0] == 0 or (box_areas(parts) == 0).any():
        return None
    pieces = Shapes(parts, ("piece", "piece"))
    iou = pieces.overlaps(pieces)[0, 1]
    both = box_areas(clip_boxes(parts[:1], tuple(parts[1])))[0]
    sliver = any(is_cut(row, width, height) for row in (one, other))
    if iou >= merge_iou or (sliver and both / box_areas(parts).min() >= 0.8):
        return iou
    return None


def is_cut(row, width, height):
    x1, y1, x2, y2 = row[1:5]
    left, top, right, bottom = row[6].xyxy
    return (
        (left > 0 and x1 <= left + 4)
        or (top > 0 and y1 <= top + 4)
        or (right < width and x2 >= right - 4)
        or (bottom < height and y2 >= bottom - 4)
    )


def box_of(rows):
    hull = [f(row[k] for row in rows) for k, f in ((1, min), (2, min), (3, max), (4, max))]
    for row in rows:
        left, top, right, bottom = row[6].xyxy
        if left <= hull[0] and top <= hull[1] and hull[2] <= right and hull[3] <= bottom:
            return (*row[1:5], row[5])
    return (*hull, rows[0][5])


@settings(deadline=None)
@given(findings(), st.sampled_from([0.3, 0.5, 0.7]))
def test_merging_agrees_with_comparing_every_pair(found, merge_iou):
    result = merge_windows(found, 90, 90, merge_iou=merge_iou)
    rows = zip((-result.scores).tolist(), result.xyxy.tolist(), result.labels, strict=True)
    assert sorted((score, *box, label) for score, box, label in rows) == brute_force(
        found, 90, 90, merge_iou
    )


@settings(deadline=None)
@given(findings(), st.randoms(use_true_random=False))
def test_the_order_of_the_windows_does_not_matter(found, random):
    shuffled = random.sample(found, len(found))
    assert merge_windows(shuffled, 90, 90) == merge_windows(found, 90, 90)


def test_an_object_that_one_window_is_sure_of_is_not_counted_among_the_faint():
    sure, unsure = (70, 10, 95, 20, 0.8), (80, 10, 95, 20, 0.3)
    alone, below = (10, 50, 30, 60, 0.3), (120, 50, 140, 60, 0.2)
    found = [(LEFT, seen(sure, alone)), (RIGHT, seen(unsure, below))]
    objects, faint = merge_certain(found, 0.5, WIDTH, HEIGHT)
    assert objects == merged(seen(sure), seen())
    assert faint == merged(seen(alone), seen(below))


def test_a_box_of_exactly_the_least_score_is_certain():
    objects, faint = merge_certain([(LEFT, seen((10, 10, 30, 30, 0.5)))], 0.5, WIDTH, HEIGHT)
    assert (len(objects), len(faint)) == (1, 0)


@pytest.mark.parametrize(("merge_iou", "objects"), [(0.3, 1), (0.6, 2)])
def test_certain_and_faint_boxes_are_merged_at_the_threshold_that_is_given(merge_iou, objects):
    """Both pairs overlap by 0.5 of their union, and no border cuts them."""
    left = seen((85, 10, 94, 20, 0.9), (85, 50, 94, 60, 0.2))
    right = seen((88, 10, 97, 20, 0.9), (88, 50, 97, 60, 0.2))
    found = [(LEFT, left), (RIGHT, right)]
    certain, faint = merge_certain(found, 0.5, WIDTH, HEIGHT, merge_iou=merge_iou)
    assert (len(certain), len(faint)) == (objects, objects)


def test_boxes_without_scores_count_in_full():
    box = np.array([[85.0, 10, 95, 20]])
    found = [(LEFT, Shapes(box, ("ship",))), (RIGHT, Shapes(box, ("ship",)))]
    objects = merge_windows(found, WIDTH, HEIGHT)
    assert objects.scores.tolist() == [1]


def test_a_cut_box_elsewhere_does_not_join_two_objects():
    """A small box in a large one is the same object only if a border cuts one of the two."""
    left, right = seen((85, 10, 95, 20, 0.9)), seen((86, 11, 91, 16, 0.8))
    assert len(merged(left, right)) == 2
    cut = seen((30, 60, 100, 70, 0.7)), seen((80, 60, 150, 70, 0.7))
    both = [seen(*(tuple(row) for row in rows(a)), *(tuple(row) for row in rows(b)))
            for a, b in zip((left, right), cut, strict=True)]  # fmt: skip
    assert len(merged(*both)) == 3


def rows(boxes):
    return np.column_stack([boxes.xyxy, boxes.scores]).tolist()


def test_objects_of_less_than_a_pixel_are_merged():
    tiny = (90, 10, 90.9, 10.9, 0.9)
    assert len(merged(seen(tiny), seen(tiny))) == 1


def test_thousands_of_objects_are_each_found_once():
    """Pairs are looked for in batches; each batch has to find the boxes of the others."""
    side, many = 10, 5000
    x, y = np.divmod(np.arange(many), 50)
    corner = np.column_stack([x, y]) * side + 2.0
    scores = np.linspace(0.9, 0.1, many)
    boxes = Shapes(np.hstack([corner, corner + 6]), ("ship",) * many, scores)
    whole = Window(x=0, y=0, width=1000, height=500)
    twin = Window(x=0, y=0, width=1000, height=499)
    objects = merge_windows([(whole, boxes), (twin, boxes)], 1000, 500)
    assert len(objects) == many
