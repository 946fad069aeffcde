"""Objects followed from frame to frame, as tables, in the form of MOT, and drawn."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path

import av
import numpy as np
import pytest

from tests.builders import write_image
from tests.unit.scenes.reading import read
from utils.detection.predictions import Predictions, ScenePrediction
from utils.detection.video_tracks import FRAME_GONE, NO_FRAMES, write_tracks
from utils.issues import IssueReport
from utils.shapes.shapes import Shapes

WIDTH, HEIGHT = 200, 101


def frame(name: str, image: Path, *lefts: float) -> ScenePrediction:
    """One frame with a ship at each place."""
    rows = np.array([(left, 20, left + 30, 50) for left in lefts], dtype=float).reshape(-1, 4)
    found = Shapes(rows, ("ship",) * len(rows), np.full(len(rows), 0.8))
    return ScenePrediction(name, str(image), WIDTH, HEIGHT, found, "3", least_score=0.3)


def times(count: int) -> list[str]:
    return [f"t{index // 10:06d}.{index % 10}00000" for index in range(count)]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return write_image(tmp_path / "frame.png", WIDTH, HEIGHT)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("tracker", ["bytetrack", "botsort"])
def test_each_object_keeps_its_track(tmp_path, image, tracker):
    places = [
        (10 + 2 * step, 120 - 2 * step) if step != 4 else (10 + 2 * step,) for step in range(9)
    ]
    scenes = [
        frame(f"port/a.mp4/{name}.png", image, *lefts)
        for name, lefts in zip(times(9), places, strict=True)
    ]
    predictions = Predictions.write(tmp_path / "p.parquet", ("ship",), scenes)
    report = IssueReport()
    write_tracks(predictions, tmp_path / "tracks", tracker, report, with_video=True)
    assert report.counts() == {}
    (table,) = (tmp_path / "tracks").glob("*.csv")
    rows = rows_of(table)
    tracks = defaultdict(set)
    for row in rows:
        tracks[row["track"]].add("left" if float(row["x1"]) < 60 else "right")
    assert tracks == {"1": {"left"}, "2": {"right"}}  # one was not found in one frame
    assert [row["seconds"] for row in rows[:4:2]] == ["0.000000", "0.100000"]
    first = table.with_suffix(".txt").read_text().splitlines()[0]
    assert first == "1,1,11.00,21.00,30.00,30.00,0.800000,1,-1"


def test_the_video_shows_the_frames_at_their_times(tmp_path, image):
    names = ["t000000.000000", "t000000.500000", "t000002.000000"]
    scenes = [frame(f"port/a.mp4/{name}.png", image, 90.0) for name in names]
    predictions = Predictions.write(tmp_path / "p.parquet", ("ship",), scenes)
    write_tracks(predictions, tmp_path / "tracks", "bytetrack", IssueReport(), with_video=True)
    (video,) = (tmp_path / "tracks").glob("*.mp4")
    with av.open(str(video)) as container:
        shown = list(container.decode(video=0))
    assert [float(one.pts * one.time_base) for one in shown] == [0, 0.5, 2]
    assert (shown[0].width, shown[0].height) == (WIDTH, HEIGHT + 1)
    pixels = shown[0].to_ndarray(format="rgb24").astype(int)
    assert np.abs(np.diff(pixels, axis=1)).max() > 50  # the edge of the box


def test_other_images_are_told_and_frames_that_are_gone_are_black(tmp_path):
    gone = tmp_path / "gone.png"
    scenes = [frame("port/photo.png", gone, 10.0)]
    scenes += [frame(f"port/seq/{number:06d}.jpg", gone, 10.0) for number in (1, 2)]
    predictions = Predictions.write(tmp_path / "p.parquet", ("ship",), scenes)
    report = IssueReport()
    write_tracks(predictions, tmp_path / "tracks", "botsort", report, with_video=True)
    assert report.counts() == {NO_FRAMES: 1, FRAME_GONE: 2}
    assert len(list((tmp_path / "tracks").glob("*.mp4"))) == 1
    (table,) = (tmp_path / "tracks").glob("*.csv")
    assert {row["seconds"] for row in rows_of(table)} == {""}


def test_frames_go_by_their_numbers_and_a_folder_within_is_a_video_of_its_own(tmp_path, image):
    names = [*(f"f{number}" for number in range(8, 13)), "inner/x1", "inner/x2"]
    scenes = [frame(f"port/{name}.png", image, 10.0) for name in sorted(names)]
    predictions = Predictions.write(tmp_path / "p.parquet", ("ship",), scenes)
    write_tracks(predictions, tmp_path / "tracks", "bytetrack", IssueReport(), with_video=False)
    tables = [rows_of(table) for table in (tmp_path / "tracks").glob("*.csv")]
    found = sorted([Path(row["scene_id"]).stem for row in rows] for rows in tables)
    assert found == [["f8", "f9", "f10", "f11", "f12"], ["x1", "x2"]]


def test_people_of_a_real_sequence_keep_their_tracks(tmp_path, shared_data):
    folder = shared_data / "mot_tud_campus"
    truth = np.loadtxt(folder / "gt" / "gt.txt", delimiter=",")
    reading = read("video", path=folder, classes=["person"])
    scenes = []
    for scene in reading.scenes:
        shapes = scene.shapes
        assert shapes is not None
        found = Shapes(shapes.xyxy, shapes.labels, np.full(len(shapes), 0.9))
        scenes.append(ScenePrediction(scene.id, str(scene.path), 640, 480, found, "3"))
    predictions = Predictions.write(tmp_path / "p.parquet", ("person",), scenes)
    write_tracks(predictions, tmp_path / "tracks", "bytetrack", IssueReport(), with_video=False)
    (text,) = (tmp_path / "tracks").glob("*.txt")
    tracked = np.loadtxt(text, delimiter=",")
    pairs: Counter[tuple[int, int]] = Counter()
    for row in tracked:
        same = (truth[:, 0] == row[0]) & (np.abs(truth[:, 2:4] - row[2:4]) < 0.01).all(axis=1)
        pairs[int(truth[same][0, 1]), int(row[1])] += 1
    people = {person for person, _ in pairs}
    best = sum(
        max(count for (one, _), count in pairs.items() if one == person) for person in people
    )
    assert len(tracked) > 0.95 * len(truth)
    assert best > 0.85 * len(truth)
