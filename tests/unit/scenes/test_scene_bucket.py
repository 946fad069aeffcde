from __future__ import annotations

from dataclasses import replace

import pytest

from tests.builders import write_image
from tests.unit.scenes.reading import open_kind, read, write_coco
from utils.errors import SourceError, StoreError
from utils.issues import IssueReport
from utils.scenes.bucket import local_image
from utils.storage.store import open_store


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


def test_local_copies_are_kept_and_renewed_when_the_image_has_changed(cameras, tmp_path):
    first, second = read("folder", path=cameras).scenes
    times = [scene.path.stat().st_mtime_ns for scene in (first, second)]
    new = write_image(tmp_path / "3.png", seed=3)
    open_store(cameras).put(new, "2024/north/a [1].png")
    assert read("folder", path=cameras).scenes == [first, second]
    assert first.path.read_bytes() == new.read_bytes()
    assert second.path.stat().st_mtime_ns == times[1]


def test_an_image_that_has_gone_is_set_aside_and_the_rest_goes_on(gcs_bucket, cameras):
    from google.cloud import storage

    source = open_kind("folder", path=cameras, name="gone")
    bucket = storage.Client(project="local").bucket(gcs_bucket.removeprefix("gs://"))
    bucket.blob("cameras/2024/north/a [1].png").delete()
    report = IssueReport()
    assert [scene.id for scene in source.read(report)] == ["gone/2024/south/a [1].png"]
    assert report.counts() == {"image cannot be fetched": 1}


def test_a_bucket_without_images_is_refused(gcs_bucket):
    with pytest.raises(SourceError, match="no image"):
        open_kind("folder", path=f"{gcs_bucket}/nothing")


def test_a_bucket_that_is_missing_is_refused(gcs_bucket):
    with pytest.raises(StoreError, match="does not exist"):
        open_kind("folder", path=f"{gcs_bucket}-gone")


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


def test_the_copy_of_a_labelled_dataset_is_kept_in_step(gcs_bucket, tmp_path):
    store = open_store(f"{gcs_bucket}/port")
    for name in ("a", "b"):
        image = write_image(tmp_path / f"{name}.png")
        store.put(image, f"{name}.png")
        store.write(f"{name}.xml", b"<annotation/>")
    before = read("voc", path=store.uri)
    times = {scene.path: scene.path.stat().st_mtime_ns for scene in before.scenes}
    store.delete("b.png")
    store.delete("b.xml")

    after = read("voc", path=store.uri)

    assert before.ids == ["port/a.png", "port/b.png"]
    assert after.ids == ["port/a.png"]
    assert len(after.report) == 0
    assert all(scene.path.stat().st_mtime_ns == times[scene.path] for scene in after.scenes)


def test_a_bucket_without_a_dataset_is_refused(gcs_bucket):
    with pytest.raises(SourceError, match="nothing in gs://"):
        open_kind("yolo", path=f"{gcs_bucket}/nothing")
