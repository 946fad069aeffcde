from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import write_image
from tests.unit.scenes.reading import open_kind, read, write_coco, write_voc
from utils.errors import ConfigurationError
from utils.issues import IssueReport
from utils.labels.objects import UNKNOWN_CLASS
from utils.scenes.classes import DROPPED_CLASS, UNMET_CLASS, class_rules
from utils.scenes.options import FolderSource
from utils.scenes.scene import Scene
from utils.scenes.sources import open_source
from utils.shapes.shapes import Shapes

BOX = [1, 1, 4, 4]
COCO_NAMES = {1: "boat", 2: "tug", 3: "buoy"}


@pytest.fixture
def voc(tmp_path):
    """Two images: a boat and a tug, then a buoy; VOC shows its classes only as it is read."""
    write_image(tmp_path / "a.png")
    write_voc(tmp_path / "a.xml", ("boat", BOX), ("tug", BOX))
    write_image(tmp_path / "b.png")
    write_voc(tmp_path / "b.xml", ("buoy", BOX))
    return tmp_path


@pytest.fixture
def coco(tmp_path):
    """One image with a boat, a tug and a buoy; COCO names its classes beforehand."""
    write_image(tmp_path / "a.png")
    annotations = [(1, category, BOX) for category in COCO_NAMES]
    write_coco(tmp_path / "coco.json", {1: "a.png"}, annotations, COCO_NAMES)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "class_names", "labels", "kinds"),
    [
        pytest.param({}, ("boat", "tug", "buoy"), ("boat", "tug", "buoy"), {}, id="as they are"),
        pytest.param(
            {"class_mapping": {"boat": "ship"}},
            ("ship", "tug", "buoy"),
            ("ship", "tug", "buoy"),
            {},
            id="renamed",
        ),
        pytest.param(
            {"class_mapping": {"boat": "ship", "tug": "ship"}},
            ("ship", "buoy"),
            ("ship", "ship", "buoy"),
            {},
            id="merged",
        ),
        pytest.param(
            {"class_mapping": {"buoy": None}},
            ("boat", "tug"),
            ("boat", "tug"),
            {DROPPED_CLASS: 1},
            id="left out",
        ),
        pytest.param(
            {"class_mapping": {"boat": "tug", "tug": "boat"}},
            ("tug", "boat", "buoy"),
            ("tug", "boat", "buoy"),
            {},
            id="exchanged",
        ),
        pytest.param(
            {"classes": ["tug", "boat"]},
            ("tug", "boat"),
            ("boat", "tug"),
            {UNKNOWN_CLASS: 1},
            id="chosen",
        ),
        pytest.param(
            {"classes": ["ship"], "class_mapping": {"boat": "ship"}},
            ("ship",),
            ("ship",),
            {UNKNOWN_CLASS: 2},
            id="chosen by new name",
        ),
        pytest.param(
            {"classes": ["boat", "buoy"], "class_mapping": {"boat": "ship", "buoy": None}},
            ("ship",),
            ("ship",),
            {UNKNOWN_CLASS: 1, DROPPED_CLASS: 1},
            id="chosen by old name",
        ),
    ],
)
def test_classes_come_out_as_the_options_say(coco, options, class_names, labels, kinds):
    reading = read("coco", path=coco, **options)
    assert reading.source.class_names == class_names
    assert reading.labels() == labels
    assert reading.kinds == kinds
    assert reading.set_aside == []


def test_a_renamed_class_that_the_source_does_not_have_is_refused(coco):
    with pytest.raises(ConfigurationError, match="did you mean 'boat'"):
        open_kind("coco", path=coco, class_mapping={"boats": "ship"})


def test_a_source_that_shows_its_classes_late_reports_a_renamed_class_it_has_not_shown(voc):
    reading = read("voc", counts_from=1, path=voc, class_mapping={"boat": "ship", "bouy": "mark"})
    assert reading.source.class_names == ()
    assert reading.labels() == ("ship", "tug")
    (issue,) = reading.report.issues
    assert (issue.item, issue.kind, issue.set_aside) == ("class 'bouy'", UNMET_CLASS, False)
    assert issue.detail == "class_mapping renames it, but no box has it: did you mean 'buoy'?"


def test_a_renamed_class_that_resembles_none_is_reported_with_those_there_are(voc):
    reading = read("voc", counts_from=1, path=voc, class_mapping={"xyz": "mark"})
    assert reading.report.issues[0].detail.endswith("known are boat, buoy, tug.")


def test_a_declared_class_without_a_box_may_be_renamed(coco):
    write_coco(coco / "coco.json", {1: "a.png"}, [(1, 1, BOX)], COCO_NAMES)
    assert len(read("coco", path=coco, class_mapping={"buoy": "mark"}).report) == 0


def test_numbers_in_yaml_can_be_renamed(voc):
    write_voc(voc / "a.xml", ("0", BOX))
    assert read("voc", counts_from=1, path=voc, class_mapping={0: "ship"}).labels() == ("ship",)


def test_issues_of_classes_name_the_scene_and_count_the_boxes(voc):
    write_voc(voc / "a.xml", ("boat", BOX), ("boat", BOX), ("tug", BOX))
    reading = read("voc", counts_from=1, path=voc, name="n", class_mapping={"boat": None})
    (issue,) = reading.report.issues
    assert (issue.item, issue.detail) == ("n/a.png", "2 boxes of 'boat'")


def test_a_class_that_the_source_declares_may_be_left_out_but_no_other(coco, voc):
    """A misspelt class in one file would else teach its objects as background."""
    chosen = read("coco", path=coco, classes=["tug"])
    assert chosen.lost == (0, 0)
    mistaken = read("voc", counts_from=1, path=voc, classes=["tug"])
    assert mistaken.lost == (2, 2)
    assert "class_mapping: {'buoy': null}" in mistaken.report.issues[-1].detail
    meant = {"boat": None, "buoy": None}
    assert read("voc", counts_from=1, path=voc, classes=["tug"], class_mapping=meant).lost == (0, 0)


@pytest.mark.parametrize(("limit", "count"), [(1, 1), (2, 2), (9, 2), (None, 2)])
def test_no_more_scenes_are_read_than_asked_for(voc, limit, count):
    reading = read("voc", counts_from=1, path=voc, max_scenes=limit)
    assert len(reading.scenes) == reading.source.scene_count == count


def test_a_source_can_be_read_again(voc):
    source = open_kind("voc", counts_from=1, path=voc)
    assert list(source.read(IssueReport())) == list(source.read(IssueReport()))


def test_reading_is_a_stream(tmp_path):
    write_image(tmp_path / "a.png")
    write_image(tmp_path / "b.tif")
    scenes = open_source(FolderSource(path=str(tmp_path))).read(IssueReport())
    assert next(scenes).path.name == "a.png"
    (tmp_path / "b.tif").unlink()
    assert next(scenes).georeference is None


labels = st.lists(st.sampled_from("abcd"), max_size=8)
mappings = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["a", "b", "x", None]))
classes = st.lists(st.sampled_from("abcdx"), unique=True)


@given(labels, mappings, classes)
def test_every_box_is_kept_or_counted(names, mapping, wanted):
    scene = Scene("s", None, Shapes([[i, 0, i + 1, 1] for i in range(len(names))], names))
    report = IssueReport()
    rules = class_rules(tuple(wanted), mapping, ())
    out = rules.apply(scene, report)
    counted = sum(int(issue.detail.split()[0]) for issue in report.issues)
    assert len(out.shapes) + counted == len(names)
    for box, label in zip(out.shapes.xyxy, out.shapes.labels, strict=True):
        original = names[int(box[0])]
        assert label == mapping.get(original, original)
        assert not rules.allowed or label in rules.allowed
