"""Nearly the same pictures belong to one group, whatever tool named them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.builders import write_image
from tests.unit.scenes.reading import read
from utils.scenes.groups import UNGROUPED, group_rule
from utils.scenes.options import FolderSource
from utils.scenes.scene import Scene


def group_of(scene_id, rule="auto", **fields):
    return group_rule(rule)(Scene(scene_id, Path("x.png"), **fields))


HASH = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("scene_id", "group"),
    [
        pytest.param(f"roads/train/IMG_1_jpg.rf.{HASH}.jpg", "roads/IMG_1", id="Roboflow's copy"),
        pytest.param(f"roads/valid/IMG_1_jpg.rf.{HASH[::-1]}.jpg", "roads/IMG_1", id="its twin"),
        pytest.param(f"roads/a_png.rf.{HASH}.png", "roads/a", id="a copy of a PNG"),
        pytest.param(f"roads/a_heic.rf.{HASH}.jpg", "roads/a", id="a copy of a phone's picture"),
        pytest.param(f"dive/train/b_mp4-0012_jpg.rf.{HASH}.jpg", "dive/b", id="Roboflow's frame"),
        pytest.param(f"dive/valid/b_frame_2_jpg.rf.{HASH}.jpg", "dive/b", id="a copy of a frame"),
        pytest.param(f"p/P1__1.0__0___0_png.rf.{HASH}.png", "p/P1", id="a copy of a window"),
        pytest.param("p/b_frame_3_x0_y0_64x64.png", "p/b", id="a window of a frame"),
        pytest.param(f"p/frame_3_jpg.rf.{HASH}.jpg", "p/frame_3", id="a frame of any video"),
        pytest.param("trip/quay_frame_000017.jpg", "trip/quay", id="a frame"),
        pytest.param("trip/quay/frame_000017.PNG", "trip/quay", id="a frame without a name"),
        pytest.param("trip/quay-frame17.jpg", "trip/quay", id="a frame with a dash"),
        pytest.param("mot/TUD/img1/000001.jpg", "mot/TUD", id="MOT Challenge"),
        pytest.param("dota/images/P07__1__824___0.png", "dota/images/P07", id="DOTA's windows"),
        pytest.param("dota/P07__0.5__0___-5.png", "dota/P07", id="DOTA's windows, scaled"),
        pytest.param("port/a_0_0_512_512.png", "port/a", id="SAHI's windows"),
        pytest.param("port/a-1f_x0_y640_640x640.png", "port/a-1f", id="Spyglass's own tiles"),
    ],
)
def test_parts_and_copies_of_one_picture_are_found(scene_id, group):
    assert group_of(scene_id) == group


@pytest.mark.parametrize(
    "scene_id",
    ["port/a.png", "port/2023-08-01.tif", "port/frame.png", "port/a_1_2_3.png", "p/a_9_9_1_1.png"],
)
def test_an_ordinary_name_shows_no_group(scene_id):
    assert group_of(scene_id) is None


def test_the_group_that_a_source_names_counts_more_than_the_file_name():
    assert group_of("traps/frame_0001.jpg", group="site 3") == "traps/site 3"


@pytest.mark.parametrize(
    ("rule", "group"),
    [
        pytest.param("scene", None, id="each scene alone"),
        pytest.param("folder", "traps/2023/site3/sub", id="the folder of the image"),
        pytest.param("folder:1", "traps/2023", id="the first folder"),
        pytest.param("folder:2", "traps/2023/site3", id="the first two folders"),
        pytest.param("folder:9", "traps/2023/site3/sub", id="more folders than there are"),
        pytest.param("(site[0-9]+)", "traps/site3", id="a pattern"),
        pytest.param("(20[0-9]+).*(site[0-9]+)", "traps/2023/site3", id="a pattern of two parts"),
        pytest.param("(island[0-9]+)", None, id="a pattern that does not match"),
    ],
)
def test_the_rule_can_be_configured(rule, group):
    assert group_of("traps/2023/site3/sub/IMG_1.jpg", rule) == group


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        pytest.param("site[0-9]+", "put parentheses", id="a pattern that names no part"),
        pytest.param("(site", "nor a regular expression", id="no pattern"),
    ],
)
def test_a_wrong_rule_is_refused_before_anything_is_read(rule, message):
    with pytest.raises(ValidationError, match=message):
        FolderSource(path="x", group=rule)


def test_scenes_that_a_rule_does_not_match_are_told(tmp_path):
    for name in ("site1_a.png", "b.png"):
        write_image(tmp_path / name)
    reading = read("folder", path=tmp_path, group="(site[0-9]+)")
    assert [scene.group is None for scene in reading.scenes] == [True, False]
    assert reading.kinds == {UNGROUPED: 1}
