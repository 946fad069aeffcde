"""Labels of videos as CVAT, Datumaro and Label Studio really write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builders import write_image
from tests.unit.scenes.reading import Reading, read
from tests.unit.scenes.videos import (
    HEIGHT,
    WIDTH,
    box,
    key,
    rectangle,
    times_of,
    write_tracks,
    write_video,
)
from utils.labels.objects import NO_LABEL, UNKNOWN_CLASS, UNREADABLE_LABEL
from utils.scenes.video import BEYOND, DAMAGED

SIZE = f"<original_size><width>{WIDTH}</width><height>{HEIGHT}</height></original_size>"


def lefts(reading: Reading) -> list[list[float] | None]:
    """The left sides of the boxes in each scene; None for an unlabelled one."""
    shapes = [scene.shapes for scene in reading.scenes]
    return [None if one is None else one.xyxy[:, 0].tolist() for one in shapes]


def span(first: int, last: int, step: int = 1) -> str:
    chosen = f"<frame_filter>{f'step={step}' if step > 1 else ''}</frame_filter>"
    ends = f"<start_frame>{first}</start_frame><stop_frame>{last}</stop_frame>"
    return f"<size>{(last - first) // step + 1}</size>{ends}{chosen}"


def test_frames_between_the_steps_of_a_task_are_unlabelled(tmp_path):
    write_video(tmp_path / "a.mp4", range(9))
    write_tracks(tmp_path / "a.xml", box(1, 5), box(4, 6), frames=span(1, 7, step=3))
    found = lefts(read("video", path=tmp_path, frames="all"))
    assert found == [None, [5], None, None, [6], None, None, [], None]


def test_frames_by_time_are_those_that_the_task_shows(tmp_path):
    write_video(tmp_path / "a.mp4", range(12))
    boxes = [box(frame, 5) for frame in (0, 3, 6, 9)]
    write_tracks(tmp_path / "a.xml", *boxes, frames=span(0, 11, step=3))
    reading = read("video", path=tmp_path, seconds=0.5)
    assert times_of(reading.ids) == [0, 0.6]
    assert lefts(reading) == [[5], [5]]


def write_project(path: Path, *tracks: str, subsets: tuple[str, ...] = ("Train", "Train")) -> None:
    tasks = "".join(
        f"<task><id>{number}</id><subset>{subset}</subset>{span(0, 2)}{SIZE}"
        f"<source>{name}.mp4</source></task>"
        for number, (name, subset) in enumerate(zip("ab", subsets, strict=True), start=1)
    )
    meta = f"<meta><project><id>9</id><tasks>{tasks}</tasks></project></meta>"
    path.write_text(f"<annotations>{meta}{''.join(tracks)}</annotations>")


def track(task: int, *boxes: str) -> str:
    return f'<track id="0" label="ship" task_id="{task}">{"".join(boxes)}</track>'


@pytest.mark.parametrize(
    ("subsets", "first"),
    [
        pytest.param(("Train", "Train"), 3, id="frames count on in a subset, as CVAT has them"),
        pytest.param(("Train", "Train"), 0, id="frames count from the start of each video"),
        pytest.param(("Train", "Test"), 0, id="frames count anew in another subset"),
    ],
)
def test_the_tasks_of_a_project_keep_their_own_videos(tmp_path, subsets, first):
    for name in "ab":
        write_video(tmp_path / f"{name}.mp4", range(3))
    tracks = track(1, box(0, 1), box(1, 2)), track(2, box(first, 7), box(first + 1, 8))
    write_project(tmp_path / "project.xml", *tracks, subsets=subsets)
    reading = read("video", path=tmp_path, frames="all")
    assert lefts(reading) == [[1], [2], [], [7], [8], []]
    assert reading.kinds == {}


def test_frames_exported_from_a_project_are_read_by_its_own_numbers(tmp_path):
    for number in (0, 4):
        write_image(tmp_path / "images" / "Train" / f"frame_{number:06d}.png", WIDTH, HEIGHT)
    write_project(tmp_path / "project.xml", track(1, box(0, 1)), track(2, box(3, 6), box(4, 7)))
    assert lefts(read("video", path=tmp_path)) == [[1], [7]]


def write_images_xml(path: Path, frames: dict[int, str], meta: str = "") -> None:
    images = "".join(
        f'<image id="{frame}" name="frame_{frame:06d}" width="{WIDTH}" height="{HEIGHT}">{inner}'
        "</image>"
        for frame, inner in frames.items()
    )
    path.write_text(f"<annotations>{meta}{images}</annotations>")


def test_cvat_for_images_labels_the_frames_of_its_video(tmp_path):
    write_video(tmp_path / "a.mp4", range(4))
    drawn = '<box label="ship" xtl="5" ytl="2" xbr="20" ybr="9"/>'
    write_images_xml(tmp_path / "annotations.xml", {0: drawn, 2: ""})
    assert lefts(read("video", path=tmp_path, frames="all")) == [[5], None, [], None]
    assert times_of(read("video", path=tmp_path, frames="key").ids) == [0]


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param('<points frame="0" outside="0" points="9,9"/>', id="points"),
        pytest.param(
            '<skeleton frame="0"><points label="n" outside="0" points="9,9"/></skeleton>',
            id="skeleton",
        ),
        pytest.param('<box frame="0" xtl="nan" ytl="1" xbr="9" ybr="9"/>', id="box without a side"),
    ],
)
def test_a_frame_whose_only_shape_is_not_read_is_unlabelled(tmp_path, shape):
    write_video(tmp_path / "a.mp4", range(2))
    write_tracks(tmp_path / "a.xml", shape, frames=span(0, 1))
    reading = read("video", path=tmp_path, frames="all")
    assert reading.scenes[0].lost == 1
    assert reading.kinds[UNREADABLE_LABEL] == 1
    assert lefts(reading)[1] == []


def test_a_skeleton_whose_parts_are_all_outside_is_not_there(tmp_path):
    write_video(tmp_path / "a.mp4", range(1))
    gone = '<skeleton frame="0"><points label="n" outside="1" points="9,9"/></skeleton>'
    write_tracks(tmp_path / "a.xml", gone, frames=span(0, 0))
    reading = read("video", path=tmp_path, frames="all")
    assert lefts(reading) == [[]]
    assert reading.kinds == {}


def write_jobs(folder: Path, second: str, *spans: str) -> None:
    for name, frames, found in zip("xy", spans, (box(0, 1) + box(2, 3), second), strict=True):
        meta = f"<meta><job>{frames}</job>{SIZE}</meta>"
        content = f'<annotations>{meta}<track id="0" label="ship">{found}</track></annotations>'
        (folder / f"job_{name}.xml").write_text(content)


def test_two_jobs_of_a_video_are_joined(tmp_path):
    write_video(tmp_path / "a.mp4", range(5))
    write_jobs(tmp_path, box(3, 7), span(0, 2), span(3, 4))
    reading = read("video", path=tmp_path, frames="all")
    assert lefts(reading) == [[1], [], [3], [7], []]
    assert reading.kinds == {}


@pytest.mark.parametrize(
    ("left", "found"),
    [
        pytest.param(3, [[1], [], [3], [7], []], id="alike"),
        pytest.param(4, [[1], [], None, [7], []], id="different"),
    ],
)
def test_a_frame_of_two_jobs_is_labelled_where_they_agree(tmp_path, left, found):
    write_video(tmp_path / "a.mp4", range(5))
    write_jobs(tmp_path, box(2, left) + box(3, 7), span(0, 2), span(2, 4))
    reading = read("video", path=tmp_path, frames="all")
    assert lefts(reading) == found
    assert (reading.kinds == {}) == (None not in found)


def test_two_jobs_of_the_same_frames_are_told(tmp_path):
    write_video(tmp_path / "a.mp4", range(3))
    write_jobs(tmp_path, box(1, 7), span(0, 2), span(0, 2))
    reading = read("video", path=tmp_path, frames="all")
    assert lefts(reading) == [None] * 3
    assert reading.kinds == {UNREADABLE_LABEL: 1}


def test_jobs_that_may_be_of_two_videos_of_one_name_are_told(tmp_path):
    for day in ("day1", "day2"):
        write_video(tmp_path / day / "a.mp4", range(3))
    for name, frames in (("x", span(0, 1)), ("y", span(1, 2))):
        write_tracks(tmp_path / f"{name}.xml", box(1, 7), source="a.mp4", frames=frames)
    reading = read("video", path=tmp_path)
    assert lefts(reading) == [None, None]
    assert reading.kinds == {UNREADABLE_LABEL: 2}


def test_a_video_that_cannot_be_read_is_told_once(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"none")
    write_tracks(tmp_path / "a.xml", box(1, 7), frames=span(0, 3))
    assert read("video", path=tmp_path).kinds == {DAMAGED: 1}


def test_labels_of_frames_that_the_video_lacks_are_told_and_counted(tmp_path):
    write_video(tmp_path / "a.mp4", range(3))
    write_tracks(tmp_path / "a.xml", box(1, 5), box(7, 5), box(9, 5), frames=span(0, 9))
    reading = read("video", path=tmp_path)
    assert reading.kinds == {BEYOND: 1}
    assert reading.report.issues[0].lost == 2
    assert "2 labels lie in 2 frames that it lacks, such as 7" in reading.report.issues[0].detail


def test_a_choice_of_the_frames_loses_no_labels(tmp_path):
    write_image(tmp_path / "images" / "frame_000001.png", WIDTH, HEIGHT)
    write_tracks(tmp_path / "annotations.xml", box(0, 1), box(1, 5))
    reading = read("video", path=tmp_path)
    assert (lefts(reading), reading.kinds, reading.lost) == ([[5]], {BEYOND: 1}, (0, 0))


def write_sequence(folder: Path, *rows: str, names: str | None = None) -> None:
    write_image(folder / "img1" / "000001.PNG", WIDTH, HEIGHT)
    (folder / "gt").mkdir()
    (folder / "gt" / "gt.txt").write_text("\n".join(rows))
    if names is not None:
        (folder / "gt" / "labels.txt").write_text(names)


def test_the_sequence_of_cvat_has_classes_of_its_own_and_counts_pixels_from_zero(tmp_path):
    write_sequence(tmp_path, "1,1,20.0,3.0,30.0,9.0,1,2,1.0", names="car\nship\n")
    reading = read("video", path=tmp_path)
    assert reading.labels(0) == ("ship",)
    assert reading.boxes(0) == [[20, 3, 50, 12]]


def test_a_class_that_the_names_lack_is_unknown(tmp_path):
    write_sequence(tmp_path, "1,1,2,3,30,9,1,5,1", "1,2,2,3,30,9,1,-1,1", names="ship")
    reading = read("video", path=tmp_path)
    assert reading.kinds == {UNKNOWN_CLASS: 2}
    assert reading.scenes[0].lost == 2


@pytest.mark.parametrize(
    ("row", "label"),
    [
        pytest.param("1,1,2,3,30,9,1,6,0.5", "non motorized vehicle", id="MOT16"),
        pytest.param("1,1,2,3,30,9,1,3.0,7.2,0", "person", id="places in the world"),
    ],
)
def test_the_class_of_a_row_is_no_place_in_the_world(tmp_path, row, label):
    write_sequence(tmp_path, row)
    classes = ["person"] if label == "person" else []
    assert read("video", path=tmp_path, classes=classes).labels(0) == (label,)


def test_rows_of_no_frame_are_told(tmp_path):
    write_sequence(
        tmp_path, "0,1,2,3,30,9,1,1,1", "1.5,1,2,3,30,9,1,1,1", "9,1,2,3,30,9,1,1,1", "1,1,2,3"
    )
    reading = read("video", path=tmp_path)
    assert reading.kinds == {UNREADABLE_LABEL: 3, BEYOND: 1}


def write_task(folder: Path, region: dict, **counted: float) -> None:
    region["value"] |= counted
    task = {"id": 1, "data": {"video": "a.mp4"}, "annotations": [{"result": [region]}]}
    (folder / "project.json").write_text(json.dumps([task]))


def test_frames_that_label_studio_counts_at_another_rate_are_found_by_time(tmp_path):
    write_video(tmp_path / "a.mp4", range(11))  # ten frames in a second, but counted as 20
    keys = key(1, 0), key(11, 50), key(21, 0, enabled=False)
    write_task(tmp_path, rectangle(*keys), framesCount=22.0, duration=1.1)
    reading = read("video", path=tmp_path, frames="all")
    found = [left for one in lefts(reading) for left in one or ()]
    assert found == pytest.approx([0, 6.4, 12.8, 19.2, 25.6, 32, 25.6, 19.2, 12.8, 6.4, 0])
    assert times_of(read("video", path=tmp_path, frames="key").ids) == [0, 0.5, 1]
    assert reading.kinds.keys() == {"boxes between key frames"}


def test_key_frames_between_two_frames_are_not_missed(tmp_path):
    write_video(tmp_path / "a.mp4", range(3))
    write_task(tmp_path, rectangle(key(2, 0), key(5, 0)), framesCount=72 / 10, duration=0.3)
    assert times_of(read("video", path=tmp_path, frames="key").ids) == [0.1, 0.2]


def test_another_number_of_frames_without_a_duration_is_told(tmp_path):
    write_video(tmp_path / "a.mp4", range(9))
    write_task(tmp_path, rectangle(key(1, 0)), framesCount=20)
    reading = read("video", path=tmp_path)
    assert lefts(reading) == [None]
    assert "count 20 frames" in reading.report.issues[0].detail


def test_between_a_turned_key_frame_and_its_neighbours_nothing_is_labelled(tmp_path):
    write_video(tmp_path / "a.mp4", range(6))
    keys = key(1, 0), key(3, 25, rotation=30), key(5, 50)
    write_task(tmp_path, rectangle(*keys))
    reading = read("video", path=tmp_path, frames="all")
    assert [scene.lost for scene in reading.scenes] == [0, 1, 1, 1, 0, 0]
    assert lefts(reading)[0] == [0]
    assert lefts(reading)[4] == [32]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"title": "Dive 1.0", "clip": "a.mp4"}, id="a title before it"),
        pytest.param({"video": "https://h.org/b/a.mp4?sign=x/y.z"}, id="a signed address"),
        pytest.param({"video": "/data/local-files/?d=b/a.mp4"}, id="a local file"),
    ],
)
def test_the_video_of_a_task_is_found_in_its_data(tmp_path, fields):
    write_video(tmp_path / "a.mp4", range(6))
    task = {"id": 1, "data": fields, "annotations": [{"result": [rectangle(key(1, 0))]}]}
    (tmp_path / "project.json").write_text(json.dumps([task]))
    assert lefts(read("video", path=tmp_path, frames="key")) == [[0]]


def two_videos(folder: Path, first: str, second: str) -> Reading:
    for name in "ab":
        write_video(folder / f"{name}.mp4", range(6))
    regions = [{**rectangle(key(1, x)), "to_name": to} for x, to in ((0, first), (50, second))]
    data = {"one": "a.mp4", "two": "b.mp4"}
    task = {"id": 7, "data": data, "annotations": [{"result": regions}]}
    (folder / "project.json").write_text(json.dumps([task]))
    return read("video", path=folder)


def test_two_videos_of_a_task_keep_their_own_regions(tmp_path):
    assert lefts(two_videos(tmp_path, "one", "two")) == [[0], [32]]


def test_regions_of_an_unknown_one_of_two_videos_are_told(tmp_path):
    reading = two_videos(tmp_path, "one", "other")
    assert lefts(reading) == [None, None]
    assert reading.kinds == {UNREADABLE_LABEL: 1, NO_LABEL: 2}


def test_a_video_without_labels_beside_one_with_labels_is_told(tmp_path):
    for name in "ab":
        write_video(tmp_path / f"{name}.mp4", range(1))
    write_tracks(tmp_path / "a.xml", box(0, 1))
    assert read("video", path=tmp_path).kinds == {NO_LABEL: 1}
