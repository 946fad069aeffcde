from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

from tests.builders import full_disk, write_image
from tests.conftest import PROJECT_ROOT
from tests.unit.scenes.reading import empty, open_kind, read
from utils.errors import ConfigurationError, SourceError, StoreError
from utils.issues import IssueReport
from utils.labels.objects import UNKNOWN_CLASS
from utils.ports import free_port

NAMES = datasets.ClassLabel(names=["ship", "tug"])
NUMBERS = datasets.Value("int64")


def png(seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (8, 12, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


def row(seed: int = 0, boxes=(), categories=(), path: str | None = None, content=None) -> dict:
    image = {"bytes": png(seed) if content is None else content, "path": path}
    return {"image": image, "objects": {"bbox": list(boxes), "categories": list(categories)}}


def dataset(*rows: dict, category=None) -> datasets.Dataset:
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "objects": {
                "bbox": datasets.List(datasets.List(datasets.Value("float64"))),
                "categories": datasets.List(category or NAMES),
            },
        }
    )
    return datasets.Dataset.from_list(list(rows), features=features)


def parquet(folder: Path, *rows: dict, category=None) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    dataset(*rows, category=category).to_parquet(folder / "train-00000-of-00001.parquet")
    return str(folder)


TWO_SHIPS = row(boxes=[[1, 2, 3, 4], [5, 6, 7, 8]], categories=[0, 1])


def as_parquet(folder: Path) -> str:
    return parquet(folder, TWO_SHIPS, row(1), category=NAMES)


def as_saved_dataset(folder: Path) -> str:
    dataset(TWO_SHIPS, row(1), category=NAMES).save_to_disk(folder)
    return str(folder)


def as_saved_splits(folder: Path) -> str:
    content = dataset(TWO_SHIPS, row(1), category=NAMES)
    datasets.DatasetDict(train=content, test=content.select([0])).save_to_disk(folder)
    return str(folder)


def as_image_folder(folder: Path) -> str:
    lines = [{"file_name": "a.png", "objects": TWO_SHIPS["objects"]}]
    lines += [{"file_name": "b.png", "objects": {"bbox": [], "categories": []}}]
    for seed, line in enumerate(lines):
        write_image(folder / "train" / line["file_name"], seed=seed)
    text = "\n".join(json.dumps(line) for line in lines)
    (folder / "train" / "metadata.jsonl").write_text(text)
    return str(folder)


@pytest.mark.parametrize(
    "make",
    [as_parquet, as_saved_dataset, as_saved_splits, as_image_folder],
    ids=lambda f: f.__name__,
)
def test_local_datasets_are_read_in_every_form(tmp_path, make):
    reading = read("hugging_face", dataset=make(tmp_path / "bay"), classes=["ship", "tug"])
    assert reading.source.name == "bay"
    assert reading.source.class_names == ("ship", "tug")
    assert reading.boxes() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert reading.labels() == ("ship", "tug")
    assert empty(reading.scenes[1].shapes)
    assert len(reading.report) == 0
    with Image.open(reading.scenes[0].path) as image:
        image.load()


def test_class_names_come_from_the_features(tmp_path):
    assert open_kind("hugging_face", dataset=as_parquet(tmp_path)).class_names == ("ship", "tug")


def test_numbers_without_names_can_be_renamed(tmp_path):
    folder = parquet(tmp_path, TWO_SHIPS, category=NUMBERS)
    mapping = {0: "ship", 1: "ship"}
    assert read("hugging_face", dataset=folder, class_mapping=mapping).labels() == ("ship", "ship")


def test_classes_may_be_names(tmp_path):
    rows = row(boxes=[[1, 2, 3, 4]], categories=["ship"])
    folder = parquet(tmp_path, rows, category=datasets.Value("string"))
    assert read("hugging_face", dataset=folder).labels() == ("ship",)


def test_a_number_without_a_name_among_named_ones_costs_only_its_box(tmp_path):
    rows = row(boxes=[[1, 2, 3, 4], [5, 6, 7, 8]], categories=[-1, 1])
    reading = read("hugging_face", dataset=parquet(tmp_path, rows, category=NAMES))
    assert reading.labels() == ("tug",)
    assert reading.kinds == {UNKNOWN_CLASS: 1}


def test_boxes_may_have_a_width_and_a_height(tmp_path):
    rows = row(boxes=[[1, 2, 3, 4]], categories=[0])
    folder = parquet(tmp_path, rows)
    assert read("hugging_face", dataset=folder, box_format="xywh").boxes() == [[1, 2, 4, 6]]


def test_objects_may_be_a_list_of_records(tmp_path):
    features = datasets.Features(
        {
            "photo": datasets.Image(),
            "objects": [{"box": datasets.List(datasets.Value("float64")), "kind": NAMES}],
        }
    )
    rows = [{"photo": row()["image"], "objects": [{"box": [1, 2, 3, 4], "kind": 1}]}]
    datasets.Dataset.from_list(rows, features=features).to_parquet(tmp_path / "train.parquet")
    columns = {"boxes_column": "objects.box", "categories_column": "objects.kind"}
    reading = read("hugging_face", dataset=str(tmp_path), image_column="photo", **columns)
    assert reading.boxes() == [[1, 2, 3, 4]]
    assert reading.labels() == ("tug",)


def test_a_dataset_without_labels_is_unlabelled(tmp_path):
    folder = parquet(tmp_path, TWO_SHIPS)
    assert read("hugging_face", dataset=folder, boxes_column=None).scenes[0].shapes is None


def test_one_class_needs_no_column_but_a_name(tmp_path):
    folder = parquet(tmp_path, TWO_SHIPS)
    reading = read("hugging_face", dataset=folder, categories_column=None, classes=["ship"])
    assert reading.labels() == ("ship", "ship")
    with pytest.raises(ConfigurationError, match="Name it"):
        open_kind("hugging_face", dataset=folder, categories_column=None)


def test_ids_come_from_content_where_there_is_no_path(tmp_path):
    folder = parquet(tmp_path / "bay", row(0), row(1))
    digests = [hashlib.sha256(png(seed)).hexdigest() for seed in (0, 1)]
    assert read("hugging_face", dataset=folder).ids == [f"bay/{d[:16]}.png" for d in digests]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        pytest.param("a b.png", "a b.png", id="name"),
        pytest.param("2024/a.png", "2024/a.png", id="folders"),
        pytest.param("/somewhere/a.png", "somewhere/a.png", id="absolute"),
        pytest.param("../../a.png", "a.png", id="upwards"),
        pytest.param("zip://train/a.png::https://host/x.zip", "train/a.png", id="archive"),
        pytest.param("hf://datasets/o/n@main/data/a.png", "data/a.png", id="hub"),
        pytest.param("scene", "scene.png", id="no extension"),
    ],
)
def test_ids_come_from_the_path_where_there_is_one(tmp_path, path, place):
    # Datasets shortens paths when it encodes images: write the column as it is found elsewhere.
    table = dataset(row()).data.table
    index = table.schema.get_field_index("image")
    kind = table.schema.field(index)
    import pyarrow as pa
    import pyarrow.parquet as pq

    image = pa.array([{"bytes": png(), "path": path}], type=kind.type)
    pq.write_table(table.set_column(index, kind, image), tmp_path / "train.parquet")
    reading = read("hugging_face", dataset=str(tmp_path), name="n")
    assert reading.ids == [f"n/{place}"]
    assert reading.scenes[0].path.read_bytes() == png()


def test_two_images_of_one_name_keep_apart_and_the_same_image_twice_is_left_out(tmp_path):
    rows = [row(0, path="a.png"), row(1, path="a.png"), row(1, path="a.png")]
    reading = read("hugging_face", dataset=parquet(tmp_path, *rows), name="n")
    digest = hashlib.sha256(png(1)).hexdigest()[:16]
    assert reading.ids == ["n/a.png", f"n/a-{digest}.png"]
    assert [scene.path.read_bytes() for scene in reading.scenes] == [png(0), png(1)]
    assert reading.kinds == {"scene appears twice": 1}
    assert reading.set_aside == []


def test_images_in_a_folder_are_used_where_they_are(tmp_path):
    reading = read("hugging_face", dataset=as_image_folder(tmp_path / "bay"), classes=["a", "b"])
    assert reading.ids == ["bay/train/a.png", "bay/train/b.png"]
    assert reading.scenes[0].path == tmp_path / "bay" / "train" / "a.png"


def test_images_are_spooled_as_they_are_even_if_they_do_not_decode(tmp_path):
    content = b"this is no image"
    folder = parquet(tmp_path / "odd", row(path="a.png", content=content))
    assert read("hugging_face", dataset=folder).scenes[0].path.read_bytes() == content


def test_a_row_that_cannot_be_used_is_set_aside_and_the_rest_goes_on(tmp_path):
    nothing = row() | {"image": None}
    uneven = row(1, boxes=[[1, 2, 3, 4]], categories=[])
    reading = read("hugging_face", dataset=parquet(tmp_path / "bay", nothing, uneven, TWO_SHIPS))
    assert len(reading.scenes) == 1
    assert reading.set_aside == ["row cannot be read"] * 2
    assert [issue.item for issue in reading.report.issues] == ["bay, row 0", "bay, row 1"]


def test_a_full_disk_stops_the_reading_instead_of_setting_every_row_aside(tmp_path):
    source = open_kind("hugging_face", dataset=parquet(tmp_path / "full", row(99)))
    report = IssueReport()
    with full_disk(100), pytest.raises(StoreError, match="is full"):
        list(source.read(report))
    assert len(report) == 0


def test_a_row_without_objects_is_unlabelled(tmp_path):
    folder = parquet(tmp_path, row() | {"objects": None})
    assert read("hugging_face", dataset=folder).scenes[0].shapes is None


def test_a_box_that_is_no_box_does_not_stop_the_reading(tmp_path):
    rows = row(boxes=[[1, 2, 3], [1, 2, None, 4], [1, 2, 3, 4]], categories=[0, 0, 0])
    reading = read("hugging_face", dataset=parquet(tmp_path, rows))
    assert reading.boxes() == [[1, 2, 3, 4]]
    assert reading.lost == (2, 2)


def test_a_broken_file_stops_with_a_sentence(tmp_path):
    folder = Path(parquet(tmp_path, *(row(seed) for seed in range(3))))
    file = next(folder.glob("*.parquet"))
    content = bytearray(file.read_bytes())
    source = open_kind("hugging_face", dataset=str(folder))
    content[10:400] = bytes(390)
    file.write_bytes(content)
    with pytest.raises(SourceError, match="stopped halfway"):
        list(source.read(IssueReport()))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"split": "trian"}, "trian", id="split"),
        pytest.param({"image_column": "img"}, "one of: image", id="image column"),
        pytest.param({"image_column": "objects"}, "holds no images", id="not an image"),
        pytest.param({"boxes_column": "objects.box"}, "objects.bbox", id="boxes column"),
        pytest.param({"boxes_column": "objects.bbox.x"}, "objects.bbox", id="too deep"),
        pytest.param({"categories_column": "label"}, "categories_column", id="categories column"),
    ],
)
@pytest.mark.parametrize("make", [as_parquet, as_saved_splits], ids=lambda f: f.__name__)
def test_what_the_dataset_does_not_have_is_refused_before_reading(tmp_path, make, options, words):
    with pytest.raises(SourceError, match=words):
        open_kind("hugging_face", dataset=make(tmp_path), **options)


@pytest.mark.parametrize("folder", ["bayy", "./bay", "~/no/such/bay"])
def test_a_local_folder_that_is_missing_is_refused(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bay-1").mkdir()
    name = str(tmp_path / folder) if folder == "bayy" else folder
    with pytest.raises(SourceError, match="does not exist"):
        open_kind("hugging_face", dataset=name)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(SourceError, match="cannot be read"):
        open_kind("hugging_face", dataset=str(tmp_path))


def test_a_hub_that_cannot_be_reached_is_said_at_once():
    program = (
        "from utils.scenes.options import HuggingFaceSource\n"
        "from utils.scenes.sources import open_source\n"
        "open_source(HuggingFaceSource(dataset='nobody/nothing'))\n"
    )
    closed = f"http://127.0.0.1:{free_port()}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, cwd=PROJECT_ROOT, timeout=60, check=False,
        env={**os.environ, "HF_ENDPOINT": closed},
    )  # fmt: skip
    assert "SourceError: The Hugging Face hub could not be asked" in done.stderr
    assert "Retry" not in done.stderr


def test_a_column_can_name_what_stays_in_one_split(tmp_path):
    folder = tmp_path / "traps"
    folder.mkdir()
    rows = [row(seed) | {"site": site} for seed, site in enumerate(["n", "n", None])]
    datasets.Dataset.from_list(rows).cast_column("image", datasets.Image()).to_parquet(
        folder / "train-00000-of-00001.parquet"
    )
    options = {"boxes_column": None, "group_column": "site"}
    found = read("hugging_face", dataset=str(folder), **options)
    assert [scene.group for scene in found.scenes] == ["traps/n", "traps/n", None]


def test_a_group_column_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SourceError, match="group_column"):
        open_kind("hugging_face", dataset=parquet(tmp_path / "a", TWO_SHIPS), group_column="siet")
