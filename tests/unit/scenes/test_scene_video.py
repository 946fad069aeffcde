"""Videos as sources: which frames become scenes, and which labels they have."""

from __future__ import annotations

import json
import struct
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.builders import write_image
from tests.unit.scenes.reading import read
from tests.unit.scenes.videos import (
    HEIGHT,
    RATE,
    WIDTH,
    box,
    key,
    rectangle,
    times_of,
    write_mot,
    write_tracks,
    write_video,
)
from utils.errors import ImageError, SourceError
from utils.images.video import read_frames
from utils.labels.mot_rows import IGNORED
from utils.labels.objects import UNREADABLE_LABEL
from utils.scenes.kinds import find_kind
from utils.scenes.video import DAMAGED, INTERPOLATED, SHORTER

# A turn by 90 degrees clockwise, as the matrix in the header of a track (ISO 14496-12, 8.3.2).
CLOCKWISE = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
UPRIGHT = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)


def test_frames_are_taken_by_their_exact_time(tmp_path):
    write_video(tmp_path / "site A" / "HARBOUR.MP4", [0, 4, 5, 13, 21, 22])
    reading = read("video", path=tmp_path)
    assert times_of(reading.ids) == [0, 1.3, 2.1]  # the first in each second since the first
    assert reading.ids[1] == f"{tmp_path.name}/site A/HARBOUR.MP4/t000001.300000.png"
    assert {scene.group for scene in reading.scenes} == {f"{tmp_path.name}/site A/HARBOUR.MP4"}
    assert reading.scenes[0].tags == ("site A",)
    assert all(scene.shapes is None for scene in reading.scenes)
    assert times_of(read("video", path=tmp_path, seconds=0.5).ids) == [0, 0.5, 1.3, 2.1]
    assert len(read("video", path=tmp_path, frames="all").ids) == 6
    assert find_kind(str(tmp_path)).kind == "video"


def test_frames_are_taken_where_the_picture_changes(tmp_path):
    video = write_video(tmp_path / "a.mp4", range(6), [0, 0, 200, 200, 190, 0])
    assert times_of(read("video", path=video, frames="change").ids) == [0, 0.2, 0.5]
    assert find_kind(str(video)).kind == "video"


def test_two_shards_share_the_frames(tmp_path):
    from tests.unit.scenes.reading import open_kind
    from utils.issues import IssueReport
    from utils.scenes.selection import Selection

    write_video(tmp_path / "a.mp4", range(5))
    write_video(tmp_path / "b.mp4", range(4))
    source = open_kind("video", path=tmp_path, frames="all")
    parts = [
        [scene.id for scene in source.read(IssueReport(), Selection(shard=shard, shards=2))]
        for shard in (0, 1)
    ]
    assert sorted(parts[0] + parts[1]) == read("video", path=tmp_path, frames="all").ids
    assert not set(parts[0]) & set(parts[1])


def test_a_video_that_was_turned_is_upright(tmp_path):
    video = write_video(tmp_path / "a.mp4", range(3))
    content = video.read_bytes()
    assert content.count(UPRIGHT) == 2  # of the file and of its track
    head, _, tail = content.rpartition(UPRIGHT)
    video.write_bytes(head + CLOCKWISE + tail)
    pixels = next(read_frames(video)).pixels()
    assert pixels.shape == (WIDTH, HEIGHT, 3)
    assert pixels[:, -4:].mean() > 180 > 80 > pixels[:, :4].mean()  # its top is at the right
    scene = read("video", path=video).scenes[0]
    assert np.array_equal(np.asarray(Image.open(scene.path)), pixels)


def test_a_video_that_was_cut_off_is_told_and_the_others_are_read(tmp_path):
    whole = write_video(tmp_path / "whole.mp4", range(3)).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.avi").write_text("no video")
    reading = read("video", path=tmp_path)
    assert len(reading.scenes) == 1
    assert reading.kinds == {DAMAGED: 2}
    assert reading.set_aside == [DAMAGED, DAMAGED]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("#EXTM3U\n#EXTINF:1,\n{other}\n", id="playlist"),
        pytest.param("ffconcat version 1.0\nfile '{other}'\n", id="list of files"),
    ],
)
def test_a_list_of_other_files_is_no_video(tmp_path, content):
    other = write_video(tmp_path / "other.mp4", range(3))
    path = tmp_path / "a.mp4"
    path.write_text(content.format(other=other))
    with pytest.raises(ImageError, match="no video that can be read"):
        next(read_frames(path))


def test_fewer_frames_than_stated_are_told(tmp_path):
    video = write_video(tmp_path / "a.mp4", range(9))
    content = video.read_bytes()
    place = content.index(b"stsz") + 12
    sizes = struct.unpack(">9I", content[place + 4 : place + 40])
    first = content.index(b"mdat") + 4
    start = first + sum(sizes[:7])  # the last two frames are no data of a video
    video.write_bytes(content[:start] + bytes(sum(sizes[7:])) + content[start + sum(sizes[7:]) :])
    reading = read("video", path=tmp_path, frames="all")
    assert len(reading.scenes) < 9
    assert set(reading.kinds) <= {SHORTER, DAMAGED}
    assert reading.kinds


def test_tracks_of_cvat_are_the_labels_of_frames(tmp_path):
    write_video(tmp_path / "a.mp4", range(5))
    stop = "<start_frame>0</start_frame><stop_frame>3</stop_frame>"
    boxes = [box(0, 1), box(1, 2, keyframe=0), box(2, 3, outside=1)]
    write_tracks(tmp_path / "labels.xml", *boxes, source="a.mp4", frames=stop)
    assert find_kind(str(tmp_path)).kind == "video"
    reading = read("video", path=tmp_path, frames="all")
    shapes = [scene.shapes for scene in reading.scenes]
    found = [None if one is None else one.xyxy[:, 0].tolist() for one in shapes]
    assert found == [[1], [2], [], [], None]  # nobody looked at the last frame
    assert reading.kinds == {INTERPOLATED: 1}
    assert ["interpolated" in scene.tags for scene in reading.scenes[:2]] == [False, True]
    assert times_of(read("video", path=tmp_path, frames="key").ids) == [0]


def test_frames_that_cvat_has_exported_are_read_by_their_numbers(tmp_path):
    for number in (10, 13):
        write_image(tmp_path / "images" / f"frame_{number:06d}.png", WIDTH, HEIGHT)
    write_tracks(tmp_path / "annotations.xml", box(10, 1), box(13, 5), source="t.mp4")
    reading = read("video", path=tmp_path)
    assert [scene.shapes.xyxy[0, 0] for scene in reading.scenes if scene.shapes] == [1, 5]


def test_a_sequence_of_mot_counts_from_one(tmp_path):
    write_mot(
        tmp_path / "TUD", "1,1,11,6,10,5,-1", "2,1,13,6,10,5,0", "2,2,1,1,5", "", "2,3,1,1,5,5,1"
    )
    reading = read("video", path=tmp_path, classes=["person"])
    assert reading.boxes(0) == [[10, 5, 20, 10]]
    assert reading.boxes(1) == [[0, 0, 5, 5]]
    assert reading.kinds == {IGNORED: 1, UNREADABLE_LABEL: 1}
    assert {scene.group for scene in reading.scenes} == {f"{tmp_path.name}/TUD/img1"}
    assert find_kind(str(tmp_path)).kind == "video"


def test_a_sequence_without_classes_is_told_and_unlabelled(tmp_path):
    write_mot(tmp_path / "TUD", "1,1,11,6,10,5,-1")
    reading = read("video", path=tmp_path)
    assert reading.kinds == {UNREADABLE_LABEL: 1}
    assert "--set 'source.classes=[person]'" in reading.report.issues[0].detail
    assert all(scene.shapes is None for scene in reading.scenes)


def test_classes_of_mot_are_named(tmp_path):
    write_mot(tmp_path / "MOT16", "1,1,11,6,10,5,1,3,0.9")
    assert read("video", path=tmp_path).labels(0) == ("car",)


def test_rectangles_of_label_studio_move_between_their_key_frames(tmp_path):
    write_video(tmp_path / "a.mp4", range(6))
    result = [rectangle(key(1, 0, enabled=True), key(3, 50, enabled=False), key(5, 25))]
    task = {
        "id": 1,
        "data": {"video": "/data/upload/1/1a2b3c4d-a.mp4"},
        "annotations": [{"result": result}],
    }
    (tmp_path / "project.json").write_text(json.dumps([task]))
    reading = read("video", path=tmp_path, frames="all")
    found = [
        scene.shapes.xyxy[:, 0].tolist() for scene in reading.scenes if scene.shapes is not None
    ]
    assert found == [[0], [16], [32], [], [16], [16]]
    (notice,) = (issue for issue in reading.report.issues if issue.kind == INTERPOLATED)
    assert "2 times" in notice.detail
    assert times_of(read("video", path=tmp_path, frames="key").ids) == [0, 0.2, 0.4]


def test_a_turned_rectangle_of_label_studio_is_counted_as_lost(tmp_path):
    write_video(tmp_path / "a.mp4", range(6))
    result = [rectangle(key(1, 0, rotation=30))]
    task = {"id": 1, "data": {"video": "a.mp4"}, "annotations": [{"result": result}]}
    (tmp_path / "project.json").write_text(json.dumps([task]))
    assert read("video", path=tmp_path).lost[1] == 1


def test_labels_of_a_million_frames_take_little_memory(tmp_path):
    write_video(tmp_path / "a.mp4", range(3))
    region = rectangle(key(1, 0), key(900_000, 50))
    region["value"] |= {"framesCount": 10**9, "duration": 10**8}
    task = {"id": 1, "data": {"video": "a.mp4"}, "annotations": [{"result": [region] * 50}]}
    (tmp_path / "project.json").write_text(json.dumps([task]))
    tracemalloc.start()
    reading = read("video", path=tmp_path, frames="all")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [len(scene.shapes or ()) for scene in reading.scenes] == [50, 50, 50]
    assert most < 20_000_000


def test_videos_of_one_name_have_each_its_own_labels(tmp_path):
    for day in ("day1", "day2"):
        write_video(tmp_path / day / "GOPR1.mp4", range(2))
        left = {"day1": 1, "day2": 7}[day]
        write_tracks(tmp_path / day / "labels.xml", box(0, left), source="GOPR1.mp4")
    write_video(tmp_path / "1.mp4", range(2))
    write_tracks(tmp_path / "cam.xml", box(0, 9), source="cam-1.mp4")
    reading = read("video", path=tmp_path, frames="key")
    found = {Path(scene.id).parent.parent.name: scene.shapes.xyxy[0, 0] for scene in reading.scenes}
    assert found == {"day1": 1, "day2": 7}


def test_a_video_that_two_files_name_alike_is_unlabelled_and_told(tmp_path):
    write_video(tmp_path / "a.mp4", range(2))
    for name in ("one.xml", "two.xml"):
        write_tracks(tmp_path / name, box(0, 1), source="a.mp4")
    reading = read("video", path=tmp_path)
    assert reading.kinds == {UNREADABLE_LABEL: 1}
    assert reading.scenes[0].shapes is None


def test_a_frame_that_cannot_be_read_is_set_aside_and_the_others_are_compared(tmp_path):
    write_mot(tmp_path / "TUD", "1,1,11,6,10,5,1,3,0.9")
    (tmp_path / "TUD" / "img1" / "000001.jpg").write_bytes(b"none")
    reading = read("video", path=tmp_path, frames="change")
    assert [Path(one).name for one in reading.ids] == ["000002.jpg"]
    assert reading.set_aside == [DAMAGED]


def test_a_title_in_another_encoding_is_no_matter(tmp_path):
    video = tmp_path / "a.avi"
    with av.open(str(video), "w", format="avi") as container:
        container.metadata["title"] = "Hafen AAAA"
        stream = container.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    video.write_bytes(video.read_bytes().replace(b"AAAA", b"K\xf6ln"))
    assert len(list(read_frames(video))) == 1


def test_a_folder_without_videos_is_refused(tmp_path):
    write_image(tmp_path / "a.png", 9, 9)
    with pytest.raises(SourceError, match="There is no video"):
        read("video", path=tmp_path)


def test_a_video_for_another_kind_says_which(tmp_path):
    video = write_video(tmp_path / "a.mp4", range(2))
    with pytest.raises(SourceError, match=r"source\.kind=video"):
        read("folder", path=video)


def test_a_real_sequence(shared_data):
    reading = read("video", path=shared_data / "mot_tud_campus", classes=["person"])
    assert len(reading.scenes) == 71
    assert sum(len(scene.shapes or ()) for scene in reading.scenes) == 359


def test_real_videos_of_camera_traps(shared_data):
    folder = shared_data / "camera_traps" / "videos"
    reading = read("video", path=folder, seconds=20)
    assert len({scene.group for scene in reading.scenes}) == 19
    assert reading.kinds == {SHORTER: 5}
    assert reading.set_aside == []
