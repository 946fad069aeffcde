"""Shares of a source: never overlapping, together the whole, the same everywhere."""

from __future__ import annotations

from pathlib import Path

import datasets
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tests.builders import write_image
from tests.unit.scenes.reading import open_kind, write_coco
from utils.errors import ConfigurationError
from utils.issues import IssueReport
from utils.scenes.classes import merge_issues
from utils.scenes.scene import SceneSource
from utils.scenes.selection import Selection
from utils.scenes.shards import Shards, plan_shards


def source_of(scene_count: int | None, total_bytes: int | None = None) -> SceneSource:
    size = None if total_bytes is None else lambda: total_bytes
    return SceneSource("port", (), scene_count, lambda *_: iter(()), size)


@given(total=st.integers(0, 50), shards=st.integers(1, 9), limit=st.none() | st.integers(0, 60))
def test_shares_never_overlap_and_together_are_the_whole(total, shards, limit):
    selections = [Selection(shard=n, shards=shards, limit=limit) for n in range(shards)]
    shares = [list(selection.of(range(total))) for selection in selections]
    assert sorted(item for share in shares for item in share) == list(range(total))[:limit]
    assert [selection.count_of(total) for selection in selections] == [*map(len, shares)]


@given(total=st.integers(0, 50), shards=st.integers(1, 9))
def test_exactly_one_share_reports_what_is_left_over(total, shards):
    ends = [Selection(shard=n, shards=shards).ends_with(total) for n in range(shards)]
    assert sum(ends) == 1
    assert not any(
        Selection(shard=n, shards=shards, limit=total - 1).ends_with(total)
        for n in range(shards)
        if total
    )


@pytest.mark.parametrize(
    ("shards", "scene_count", "total_bytes", "expected"),
    [
        pytest.param(1, 10, None, 1, id="one"),
        pytest.param(4, 10, None, 4, id="some"),
        pytest.param(7, 3, None, 3, id="more than scenes"),
        pytest.param(7, None, None, 7, id="scenes not counted"),
        pytest.param(3, 0, None, 1, id="no scene"),
        pytest.param("2MB", 10, 5_000_000, 3, id="by size"),
        pytest.param("1KB", 10, 5_000_000, 10, id="by size, more than scenes"),
        pytest.param("1GB", 10, 5_000_000, 1, id="all fits one"),
    ],
)
def test_as_many_shares_as_asked_for_but_never_an_empty_one(
    shards, scene_count, total_bytes, expected
):
    planned = plan_shards(source_of(scene_count, total_bytes), shards)
    assert [(share.shard, share.shards) for share in planned] == [
        (number, expected) for number in range(expected)
    ]


def test_a_size_needs_a_source_whose_size_is_known():
    with pytest.raises(ConfigurationError, match="Give a number of shards instead"):
        plan_shards(source_of(10), "2GB")


@pytest.mark.parametrize("shards", [4, "4GB", "500 MiB"])
def test_what_shards_may_be(shards):
    assert TypeAdapter(Shards).validate_json(TypeAdapter(Shards).dump_json(shards)) == shards


@pytest.mark.parametrize("shards", [0, -1, True, "many", "0MB", None, "4 shards", "7"])
def test_what_shards_may_not_be(shards):
    with pytest.raises(ValidationError, match="a number from 1 up, or a size such as 2GB"):
        TypeAdapter(Shards).validate_python(shards)


NAMES = [f"{number}.png" for number in range(5)]


def voc(folder: Path) -> dict:
    ship = "<object><name>ship</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax>"
    ship += "<ymax>9</ymax></bndbox></object>"
    for seed, name in enumerate(NAMES):
        label = write_image(folder / name, seed=seed).with_suffix(".xml")
        label.write_text(f"<annotation>{ship if seed == 1 else ''}</annotation>" if seed else "no")
    (folder / "orphan.xml").write_text("<annotation/>")
    return {"path": folder, "class_mapping": {"ship": "vessel", "shpi": "vessel", "tug": None}}


def yolo(folder: Path) -> dict:
    for seed, name in enumerate(NAMES):
        write_image(folder / name, seed=seed).with_suffix(".txt").write_text("0 .5 .5 .1 .1\n?")
    (folder / "orphan.txt").write_text("")
    return {"path": folder, "classes": ["ship"]}


def coco(folder: Path) -> dict:
    for seed, name in enumerate(NAMES):
        write_image(folder / name, seed=seed)
    listed = {1: "0.png", 2: "gone.png", 3: "2.png", 4: "0.png", 5: "1.png"}
    write_coco(folder / "coco.json", listed, [(key, 7, [1, 2, 3, 4]) for key in (1, 2, 4, 9)])
    return {"path": folder}


def hugging_face(folder: Path) -> dict:
    write_parquet(folder, *(write_image(folder.parent / name) for name in NAMES[:2] * 2))
    return {"dataset": str(folder), "boxes_column": None, "categories_column": None}


def write_parquet(folder: Path, *images: Path) -> None:
    folder.mkdir()
    rows = [{"bytes": image.read_bytes(), "path": image.name} for image in images]
    features = datasets.Features({"image": datasets.Image()})
    table = datasets.Dataset.from_list(
        [{"image": image} for image in (*rows, None)], features=features
    )
    table.to_parquet(folder / "train-00000-of-00001.parquet")


def plain(folder: Path) -> dict:
    for name in NAMES:
        write_image(folder / name)
    return {"path": str(folder)}


def synthetic(folder: Path) -> dict:
    return {"scenes": 3, "width": 300, "height": 260, "ships": 3}


KINDS = {
    "coco": coco,
    "folder": plain,
    "hugging_face": hugging_face,
    "synthetic": synthetic,
    "voc": voc,
    "yolo": yolo,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("limit", [None, 2])
def test_a_source_that_is_shared_out_gives_the_same_scenes_and_issues(tmp_path, kind, limit):
    source = open_kind(kind, **KINDS[kind](tmp_path / "port"), max_scenes=limit)
    whole = IssueReport()
    scenes = list(source.read(whole))
    for shards in (2, 7):
        plan = plan_shards(source, shards)
        reports = [IssueReport() for _ in plan]
        parts = [list(source.read(*each)) for each in zip(reports, plan, strict=True)]
        found = {scene.id: scene for part in parts for scene in part}
        assert found == {scene.id: scene for scene in scenes}
        assert sum(map(len, parts)) == len(scenes)
        assert merge_issues(reports) == merge_issues([whole])


def test_the_size_of_a_source_is_that_of_its_images(tmp_path):
    source = open_kind("folder", **plain(tmp_path / "port"))
    images = (tmp_path / "port").iterdir()
    assert source.total_bytes() == sum(image.stat().st_size for image in images)


def test_the_size_of_a_source_is_that_of_the_scenes_it_is_limited_to():
    drawn = {"scenes": 1000, "width": 1000, "height": 1000}
    (whole, few) = (open_kind("synthetic", **drawn, max_scenes=limit) for limit in (None, 5))
    assert few.total_bytes() == whole.total_bytes() / 200
    assert len(plan_shards(few, f"{few.total_bytes() // 2}B")) == 2
