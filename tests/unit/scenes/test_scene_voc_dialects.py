"""VOC as tools really write it, CVAT's XML, and where the first pixel is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import write_image
from tests.unit.scenes.reading import Reading, empty, read
from utils.labels.objects import NO_LABEL, SHARED_LABEL, UNKNOWN_CLASS, UNREADABLE_LABEL
from utils.scenes.usable import usable_labels
from utils.scenes.voc import OTHER_NAME
from utils.scenes.voc_counting import COUNTED_FROM

CORNERS = [20.0, 30.0, 60.0, 50.0]
BOX = "<bndbox><xmin>20</xmin><ymin>30</ymin><xmax>60</xmax><ymax>50</ymax></bndbox>"
POINTS = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in ((20, 30), (60, 30), (60, 50)))
SHIP = f"<object><name>ship</name>{BOX}</object>"


def annotation(inner: str) -> str:
    return f"<annotation>{inner}</annotation>"


def cvat(inner: str) -> str:
    return f"<annotations>{inner}</annotations>"


def voc(folder: Path, content: str | bytes, image: str = "a.png", label: str = "a.xml") -> Path:
    """A source with one image and the XML file."""
    write_image(folder / image, 200, 100)
    (folder / label).parent.mkdir(parents=True, exist_ok=True)
    (folder / label).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def read_voc(folder: Path, **options: object) -> Reading:
    return read("voc", path=folder, **{"counts_from": 0, **options})


def is_unlabelled(reading: Reading) -> bool:
    """Whether nothing of the source is taken as looked at and empty."""
    return all(usable_labels(scene, 200, 100)[0] is None for scene in reading.scenes)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(annotation(SHIP), id="VOC"),
        pytest.param(f"\n\n<?xml version='1.0'?>\n{annotation(SHIP)}", id="blank lines"),
        pytest.param(f"<a:annotation xmlns:a='http://x'>{SHIP}</a:annotation>", id="namespace"),
        pytest.param(f"<annotation xmlns='http://x'>{SHIP}</annotation>", id="default namespace"),
        pytest.param(f"<root><annotation>{SHIP}</annotation></root>", id="wrapped"),
        pytest.param(f"<annotations><annotation>{SHIP}</annotation></annotations>", id="in a list"),
        pytest.param(f"<annotation><objects>{SHIP}</objects></annotation>", id="objects in a list"),
        pytest.param(f"<Annotation>{SHIP.replace('object', 'Object')}</Annotation>", id="capitals"),
        pytest.param(
            "<annotation><object name='ship'>"
            "<bndbox xmin='20' ymin='30' xmax='60' ymax='50'/></object></annotation>",
            id="attributes",
        ),
        pytest.param(annotation(SHIP).replace(">20<", "> 20.0\n<"), id="fractions, spaces"),
        pytest.param(annotation(SHIP).replace(">20<", ">20,0<"), id="comma"),
        pytest.param(
            annotation(f"<object><name>ship</name><polygon>{POINTS}</polygon></object>"),
            id="LabelMe's outline",
        ),
        pytest.param(
            "<annotation><object><name>ship</name><polygon><x1>20</x1><y1>30</y1><x2>60</x2>"
            "<y2>30</y2><x3>60</x3><y3>50</y3></polygon></object></annotation>",
            id="Roboflow's outline",
        ),
        pytest.param(
            f"<annotation>{SHIP}<object><deleted>1</deleted><name>x</name></object></annotation>",
            id="LabelMe's deleted objects",
        ),
        pytest.param(
            "<annotation><object><name>ship</name><robndbox><cx>40</cx><cy>40</cy><w>20</w>"
            "<h>40</h><angle>1.5707963</angle></robndbox></object></annotation>",
            id="a box turned by a right angle",
        ),
        pytest.param(
            "<annotations><image name='a.png' width='200' height='100'>"
            "<box label='ship' xtl='20' ytl='30' xbr='60' ybr='50'/></image></annotations>",
            id="CVAT's box",
        ),
        pytest.param(
            "<annotations><image name='a.png'><box label='ship' xtl='30' ytl='20' xbr='50' "
            "ybr='60' rotation='90'/></image></annotations>",
            id="CVAT's turned box",
        ),
        pytest.param(
            "<annotations><image name='a.png'><polygon label='ship' "
            "points='20,30;60,30;60,50'/></image></annotations>",
            id="CVAT's outline",
        ),
        pytest.param(
            "<annotations><image name='a.png'><ellipse label='ship' cx='40' cy='40' rx='20' "
            "ry='10'/></image></annotations>",
            id="CVAT's ellipse",
        ),
        pytest.param(
            "<annotations><image name='a.png'><mask label='ship' rle='3' left='20' top='30' "
            "width='40' height='20'/></image></annotations>",
            id="CVAT's mask",
        ),
        pytest.param(annotation(SHIP).encode("utf-16"), id="UTF-16"),
    ],
)
def test_what_can_be_read_is_read(tmp_path, content):
    reading = read_voc(voc(tmp_path, content))
    assert reading.boxes()[0] == pytest.approx(CORNERS)
    assert reading.labels() == ("ship",)
    assert reading.lost == (0, 0)


NO_VOC = {
    "a web page": "<html/>",
    "items": "<annotation><item><xmin>1</xmin></item></annotation>",
    "no box": annotation("<object><name>ship</name></object>"),
    "no number": annotation(SHIP.replace(">20<", ">left<")),
    "infinite": annotation(SHIP.replace(">20<", ">1e999<")),
    "CVAT's video": "<annotations><track label='x'/></annotations>",
    "CVAT's, of other images": cvat("<image name='b.png'/><image name='c.png'/>"),
    "CVAT's tag": cvat("<image name='a.png'><tag label='ship'/></image>"),
    "CVAT's point": cvat("<image name='a.png'><points label='s' points='1,1'/></image>"),
    "nothing": "",
}
NO_NAME = {
    "no name": annotation(f"<object>{BOX}</object>"),
    "a blank name": annotation(f"<object><name> </name>{BOX}</object>"),
    "an endless name": annotation(f"<object><name>{'x' * 999}</name>{BOX}</object>"),
}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        *[pytest.param(content, UNREADABLE_LABEL, id=name) for name, content in NO_VOC.items()],
        *[pytest.param(content, UNKNOWN_CLASS, id=name) for name, content in NO_NAME.items()],
    ],
)
def test_a_file_that_is_not_understood_makes_no_empty_image(tmp_path, content, kind):
    reading = read_voc(voc(tmp_path, content))
    assert is_unlabelled(reading)
    assert kind in reading.kinds
    assert reading.report.labels_lost() == 1


def test_the_labels_of_a_file_that_is_not_understood_are_counted(tmp_path):
    hrsc = f"<HRSC_Image><HRSC_Objects>{'<HRSC_Object/>' * 3}</HRSC_Objects></HRSC_Image>"
    reading = read_voc(voc(tmp_path, hrsc))
    assert reading.set_aside == [UNREADABLE_LABEL]
    assert reading.report.labels_lost() == 3


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("<annotation/>", id="VOC"),
        pytest.param("<annotation><filename>a.png</filename><size/></annotation>", id="its fields"),
        pytest.param(cvat("<image name='a.png'/>"), id="CVAT"),
    ],
)
def test_an_image_that_was_looked_at_is_empty(tmp_path, content):
    assert empty(read_voc(voc(tmp_path, content)).scenes[0].shapes)


@pytest.mark.parametrize(
    ("content", "layout", "first"),
    [
        pytest.param(annotation(SHIP), ("a.png", "a.xml"), 1, id="nothing shows it"),
        pytest.param(
            f"<annotation>{SHIP}{SHIP.replace('>20<', '>0<')}</annotation>",
            ("a.png", "a.xml"),
            0,
            id="a zero",
        ),
        pytest.param(
            f"<annotation>{SHIP}{SHIP.replace('>30<', '>0.4<')}</annotation>",
            ("a.png", "a.xml"),
            0,
            id="less than one",
        ),
        pytest.param(
            f"<annotation><owner><name>Label Studio</name></owner>{SHIP}</annotation>",
            ("a.png", "a.xml"),
            0,
            id="Label Studio",
        ),
        pytest.param(
            f"<annotation><path>/x/a.png</path><source><database>Unknown</database></source>{SHIP}"
            "</annotation>",
            ("a.png", "a.xml"),
            0,
            id="LabelImg",
        ),
        pytest.param(
            f"<annotation><path>/x</path><source><database/></source>{SHIP}</annotation>",
            ("a.png", "a.xml"),
            0,
            id="FiftyOne",
        ),
        pytest.param(
            f"<annotation><source><database>The VOC2007 Database</database></source>{SHIP}"
            "</annotation>",
            ("images/a.png", "Annotations/a.xml"),
            1,
            id="VOC's own",
        ),
        pytest.param(
            annotation(SHIP),
            ("images/a.png", "Annotations/a.xml"),
            0,
            id="Label Studio's folders",
        ),
        pytest.param(annotation(SHIP), ("data/a.png", "labels/a.xml"), 0, id="FiftyOne's"),
        pytest.param(
            annotation(SHIP),
            ("JPEGImages/a.png", "Annotations/a.xml"),
            1,
            id="VOC's",
        ),
    ],
)
def test_the_first_pixel_is_found_once_for_a_source_and_told(tmp_path, content, layout, first):
    reading = read("voc", path=voc(tmp_path, content, *layout), name="n")
    assert reading.boxes()[0] == [20 - first, 30 - first, 60, 50]
    (issue,) = reading.report.issues
    assert (issue.item, issue.kind, issue.set_aside) == ("n", COUNTED_FROM, False)
    assert issue.detail.startswith(f"{first}: ")


def test_a_zero_in_one_file_counts_for_all(tmp_path):
    voc(tmp_path, annotation(SHIP))
    zero = SHIP.replace(">20<", ">0<")
    voc(tmp_path, f"<annotation>{zero}</annotation>", "b.png", "b.xml")
    reading = read("voc", path=tmp_path)
    assert [reading.boxes(0), reading.boxes(1)] == [[CORNERS], [[0, 30, 60, 50]]]


@pytest.mark.parametrize("first", [0, 1])
def test_the_configuration_overrules_what_is_found(tmp_path, first):
    reading = read("voc", path=voc(tmp_path, annotation(SHIP)), counts_from=first)
    assert reading.boxes() == [[20 - first, 30 - first, 60, 50]]
    assert len(reading.report) == 0


def test_cvat_s_boxes_are_not_counted_from_one(tmp_path):
    content = cvat(
        "<image name='a.png'><box label='s' xtl='20' ytl='30' xbr='60' ybr='50'/></image>"
    )
    reading = read("voc", path=voc(tmp_path, content))
    assert reading.boxes() == [CORNERS]
    assert len(reading.report) == 0


def test_a_turned_box_is_turned_about_its_centre_and_told(tmp_path):
    """A square of 20 turned by 45 degrees, as CVAT writes it into VOC."""
    angle = "<attribute><name>rotation</name><value>45</value></attribute>"
    square = SHIP.replace(">60<", ">40<").replace(
        "</object>", f"<attributes>{angle}</attributes></object>"
    )
    reading = read_voc(voc(tmp_path, f"<annotation>{square}</annotation>"))
    half = 200**0.5
    assert reading.boxes()[0] == pytest.approx([30 - half, 40 - half, 30 + half, 40 + half])
    assert reading.kinds == {"oriented boxes brought to boxes": 1}


def test_one_file_of_cvat_labels_all_images(tmp_path):
    boxes = [(name, f"<box label='{name}' xtl='1' ytl='1' xbr='9' ybr='9'/>") for name in "ab"]
    images = "".join(
        f"<image name='{name}.png' subset='train'>{box}</image>" for name, box in boxes
    )
    for name in "abc":
        write_image(tmp_path / "images" / "train" / f"{name}.png")
    (tmp_path / "annotations.xml").write_text(f"<annotations>{images}</annotations>")
    reading = read("voc", path=tmp_path)
    assert [reading.labels(0), reading.labels(1)] == [("a",), ("b",)]
    assert reading.scenes[2].shapes is None
    assert reading.kinds == {NO_LABEL: 1}


def test_equal_names_in_subsets_of_cvat_keep_apart(tmp_path):
    images = "".join(
        f"<image name='a.png' subset='{subset}'>"
        f"<box label='{subset}' xtl='1' ytl='1' xbr='9' ybr='9'/></image>"
        for subset in ("train", "val")
    )
    for subset in ("train", "val"):
        write_image(tmp_path / "images" / subset / "a.png")
    (tmp_path / "annotations.xml").write_text(f"<annotations>{images}</annotations>")
    reading = read("voc", path=tmp_path)
    assert [reading.labels(0), reading.labels(1)] == [("train",), ("val",)]


def test_a_label_file_is_found_by_the_name_that_it_gives(tmp_path):
    content = f"<annotation><filename>IMG_1.png</filename>{SHIP}</annotation>"
    reading = read_voc(voc(tmp_path, content, "JPEGImages/IMG_1.png", "Annotations/0001.xml"))
    assert reading.boxes() == [CORNERS]


def test_a_file_that_names_another_image_is_told(tmp_path):
    reading = read_voc(voc(tmp_path, f"<annotation><filename>z.png</filename>{SHIP}</annotation>"))
    assert reading.boxes() == [CORNERS]
    assert reading.kinds == {OTHER_NAME: 1}


def test_of_two_images_the_one_that_the_file_names_gets_the_label(tmp_path):
    voc(tmp_path, f"<annotation><filename>a.png</filename>{SHIP}</annotation>", "a.jpg")
    write_image(tmp_path / "a.png", 200, 100)
    reading = read_voc(tmp_path)
    assert reading.ids[0].endswith("a.jpg")
    assert reading.scenes[0].shapes is None
    assert reading.boxes(1) == [CORNERS]
    assert reading.kinds == {NO_LABEL: 1, SHARED_LABEL: 1}


def test_the_metadata_that_gdal_leaves_is_no_label(tmp_path):
    voc(tmp_path, annotation(SHIP), "a.tif")
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset/>")
    assert len(read_voc(tmp_path).report) == 0
