from __future__ import annotations

import json
import math
import os
import re
from dataclasses import replace
from urllib.parse import unquote

import pytest

from tests.builders import write_image
from tests.emulators.gcs import GoogleStorage
from tests.unit.scenes.reading import open_kind, read, write_coco
from utils.errors import ImageError, SourceError, StoreError
from utils.issues import IssueReport
from utils.scenes.bucket import local_image
from utils.scenes.mirror import dataset_folder
from utils.scenes.shards import plan_shards
from utils.storage.store import open_store


def upload(bucket: str, contents: dict[str, str | bytes]) -> None:
    """Upload as others do, without a hash of ours."""
    from google.cloud import storage

    target = storage.Client(project="local").bucket(bucket.removeprefix("gs://"))
    for name, content in contents.items():
        target.blob(name).upload_from_string(content)


def fetched_names(google_storage: GoogleStorage) -> list[str]:
    """The names of the objects that were downloaded, without their folders, sorted."""
    found = [request for request in google_storage.requests if "alt=media" in request]
    return sorted(unquote(request.partition("?")[0]).rpartition("/")[2] for request in found)


@pytest.fixture
def cameras(gcs_bucket, tmp_path) -> str:
    """A bucket with two images, and things that are none."""
    store = open_store(f"{gcs_bucket}/cameras")
    store.put(write_image(tmp_path / "1.png", seed=1), "2024/north/a [1].png")
    store.put(write_image(tmp_path / "2.png", seed=2), "2024/south/a [1].png")
    store.write("2024/notes.txt", b"notes")
    store.write(".thumbnails/a.png", b"hidden")
    return f"{gcs_bucket}/cameras"


def test_images_in_a_bucket_are_read_like_those_in_a_folder(cameras, tmp_path):
    reading = read("folder", path=cameras)
    assert reading.ids == ["cameras/2024/north/a [1].png", "cameras/2024/south/a [1].png"]
    assert reading.scenes[0].tags == ("2024", "north")
    assert reading.source.scene_count == 2
    contents = [scene.path.read_bytes() for scene in reading.scenes]
    assert contents == [(tmp_path / name).read_bytes() for name in ("1.png", "2.png")]


def test_local_copies_are_kept_until_the_image_has_changed(cameras, tmp_path):
    first, second = read("folder", path=cameras).scenes
    kept = second.path.stat().st_ino
    new = write_image(tmp_path / "3.png", seed=3)
    open_store(cameras).put(new, "2024/north/a [1].png")
    renewed, same = read("folder", path=cameras).scenes
    assert renewed.path.read_bytes() == new.read_bytes()
    assert not first.path.exists()
    assert same == second
    assert same.path.stat().st_ino == kept


def test_a_change_that_keeps_the_size_is_seen(gcs_bucket):
    """As `gcloud storage` uploads: without a hash of ours."""
    uri = f"{gcs_bucket}/cameras/a.png"
    for content in ("old", "new"):
        upload(gcs_bucket, {"cameras/a.png": content})
        (scene,) = read("folder", path=f"{gcs_bucket}/cameras").scenes
        assert scene.path.read_text() == local_image(uri).read_text() == content
    assert [copy.read_text() for copy in scene.path.parent.iterdir()] == ["new"]


def test_the_image_of_a_scene_that_is_no_longer_in_the_bucket_is_named(gcs_bucket):
    upload(gcs_bucket, {"cameras/a.png.old": "another"})
    with pytest.raises(ImageError, match=r"cameras/a\.png is no longer there"):
        local_image(f"{gcs_bucket}/cameras/a.png")


def test_an_image_that_has_gone_is_set_aside_and_the_rest_goes_on(gcs_bucket, cameras):
    source = open_kind("folder", path=cameras, name="gone")
    open_store(gcs_bucket).delete("cameras/2024/north/a [1].png")
    report = IssueReport()
    assert [scene.id for scene in source.read(report)] == ["gone/2024/south/a [1].png"]
    assert report.counts() == {"files passed over": 1, "image cannot be fetched": 1}


def test_a_bucket_without_images_is_refused(gcs_bucket):
    with pytest.raises(SourceError, match="no image"):
        open_kind("folder", path=f"{gcs_bucket}/nothing")


def test_a_bucket_that_is_missing_is_refused(gcs_bucket):
    with pytest.raises(StoreError, match="does not exist"):
        open_kind("folder", path=f"{gcs_bucket}-gone")


@pytest.fixture
def port(gcs_bucket, tmp_path) -> str:
    """A dataset in YOLO's layout with four images, each with one ship."""
    for number in range(4):
        image = write_image(tmp_path / "port" / f"{number}.png", seed=number)
        labelled = {
            f"port/images/{number}.png": image.read_bytes(),
            f"port/labels/{number}.txt": "0 .5 .5 .25 .25",
        }
        upload(gcs_bucket, labelled)
    upload(gcs_bucket, {"port/data.yaml": "names: [ship, boat]"})
    return f"{gcs_bucket}/port"


def test_a_labelled_dataset_in_a_bucket_is_read_like_the_folder_it_was_copied_from(
    gcs_bucket, tmp_path
):
    folder = tmp_path / "port"
    write_image(folder / "images" / "a.png", seed=1)
    write_image(folder / "images" / "b.png", seed=2)
    write_coco(folder / "coco.json", {1: "images/a.png"}, [(1, 7, [1, 2, 3, 4])])
    store = open_store(f"{gcs_bucket}/port")
    for file in folder.rglob("*.*"):
        store.put(file, file.relative_to(folder).as_posix())

    remote, local = read("coco", path=store.uri), read("coco", path=str(folder))

    assert [replace(scene, path=None, uri=None) for scene in remote.scenes] == [
        replace(scene, path=None) for scene in local.scenes
    ]
    assert [scene.location for scene in remote.scenes] == [f"{gcs_bucket}/port/images/a.png"]
    assert remote.kinds == local.kinds
    assert (
        local_image(remote.scenes[0].location).read_bytes()
        == (folder / "images" / "a.png").read_bytes()
    )


def test_a_label_that_is_changed_but_not_its_size_is_read_again(gcs_bucket, port, google_storage):
    before = read("yolo", path=port)
    google_storage.requests.clear()
    upload(gcs_bucket, {"port/labels/0.txt": "1 .5 .5 .25 .25"})
    after = read("yolo", path=port)
    assert [scene.shapes.labels for scene in before.scenes] == [("ship",)] * 4
    assert [scene.shapes.labels for scene in after.scenes] == [("boat",), *[("ship",)] * 3]
    assert [scene.path for scene in after.scenes] == [scene.path for scene in before.scenes]
    assert fetched_names(google_storage) == ["0.txt"]


def test_a_share_of_a_labelled_dataset_fetches_its_own_images_only(port, google_storage):
    source = open_kind("yolo", path=port)
    shares = plan_shards(source, "20KB")
    assert len(shares) == math.ceil(source.total_bytes() / 20_000) == 2
    assert not [name for name in fetched_names(google_storage) if name.endswith(".png")]
    google_storage.requests.clear()
    scenes = list(open_kind("yolo", path=port).read(IssueReport(), shares[1]))
    assert [scene.id for scene in scenes] == ["port/images/1.png", "port/images/3.png"]
    assert fetched_names(google_storage) == ["1.png", "3.png"]
    assert [local_image(scene.location) for scene in scenes] == [scene.path for scene in scenes]
    assert fetched_names(google_storage) == ["1.png", "3.png"]


def test_a_dataset_that_is_being_read_does_not_change(gcs_bucket, port):
    source = open_kind("yolo", path=port)
    upload(gcs_bucket, {"port/labels/0.txt": "1 .5 .5 .25 .25", "port/labels/9.txt": ""})
    read("yolo", path=port)
    report = IssueReport()
    assert [scene.shapes.labels for scene in source.read(report)] == [("ship",)] * 4
    assert len(report) == 0


def test_an_image_that_changed_after_the_dataset_was_listed_is_set_aside(gcs_bucket, port):
    source = open_kind("yolo", path=port)
    upload(gcs_bucket, {"port/images/1.png": "another"})
    report = IssueReport()
    numbers = [scene.path.stem[-1] for scene in source.read(report)]
    assert numbers == ["0", "2", "3"]
    assert report.counts() == {"image cannot be fetched": 1}


def test_states_of_a_dataset_that_nobody_has_opened_for_a_week_are_removed(gcs_bucket, port):
    roots = []
    for content in ("0 .5 .5 .25 .25", "1 .5 .5 .25 .25", "1 .5 .5 .5 .5"):
        upload(gcs_bucket, {"port/labels/0.txt": content})
        roots.append(dataset_folder(port).root)
        if len(roots) == 2:
            os.utime(roots[0].parent, (0, 0))
    assert [root.exists() for root in roots] == [False, True, True]


@pytest.mark.parametrize("kind", ["coco", "voc", "yolo", "folder"])
def test_folders_made_in_the_console_are_no_files(gcs_bucket, kind, tmp_path):
    content = {
        "port/": "",
        "port/images/": "",
        "port/images/a.png": write_image(tmp_path / "a.png").read_bytes(),
        "port/images/a.xml": "<annotation/>",
        "port/images/a.txt": "",
        "port/data.yaml": "names: [ship]",
        "port/coco.json": json.dumps({"images": [{"id": 1, "file_name": "images/a.png"}]}),
    }
    upload(gcs_bucket, content)
    assert read(kind, path=f"{gcs_bucket}/port").ids == ["port/images/a.png"]


@pytest.mark.parametrize("key", ["../../x.txt", "b/../x.txt", "/etc/x.txt", "./x.txt", "b//x.txt"])
def test_an_object_whose_name_leads_elsewhere_is_refused(gcs_bucket, key, local_state):
    upload(gcs_bucket, {"port/data.yaml": "names: [ship]", f"port/{key}": "0 .5 .5 .1 .1"})
    with pytest.raises(SourceError, match=rf"{re.escape(key)} cannot be copied.*Rename or delete"):
        open_kind("yolo", path=f"{gcs_bucket}/port")
    assert not list(local_state.rglob("x.txt"))


def test_an_object_that_others_lie_below_is_refused(gcs_bucket):
    upload(gcs_bucket, {"port/images": "", "port/images/a.png": "", "port/data.yaml": ""})
    with pytest.raises(
        SourceError, match=r"port/images cannot be copied.*other objects lie below it"
    ):
        open_kind("yolo", path=f"{gcs_bucket}/port")


def test_the_copy_of_a_labelled_dataset_is_kept_in_step(gcs_bucket, tmp_path):
    store = open_store(f"{gcs_bucket}/port")
    for name in ("a", "b"):
        image = write_image(tmp_path / f"{name}.png")
        store.put(image, f"{name}.png")
        store.write(f"{name}.xml", b"<annotation/>")
    before = read("voc", path=store.uri, counts_from=0)
    times = {scene.path: scene.path.stat().st_mtime_ns for scene in before.scenes}
    store.delete("b.png")
    store.delete("b.xml")

    after = read("voc", path=store.uri, counts_from=0)

    assert before.ids == ["port/a.png", "port/b.png"]
    assert after.ids == ["port/a.png"]
    assert len(after.report) == 0
    assert all(scene.path.stat().st_mtime_ns == times[scene.path] for scene in after.scenes)


def test_a_bucket_without_a_dataset_is_refused(gcs_bucket):
    with pytest.raises(SourceError, match="nothing in gs://"):
        open_kind("yolo", path=f"{gcs_bucket}/nothing")
