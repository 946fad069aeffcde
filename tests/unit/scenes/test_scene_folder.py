from __future__ import annotations

import pytest

from tests.builders import write_image
from tests.unit.scenes.reading import open_kind, read
from utils.errors import SourceError


def test_folders_as_deep_as_you_like_become_tags(tmp_path):
    write_image(tmp_path / "cameras" / "2024" / "sites" / "north" / "a" / "img.jpg")
    (scene,) = read("folder", path=str(tmp_path / "cameras")).scenes
    assert scene.id == "cameras/2024/sites/north/a/img.jpg"
    assert scene.tags == ("2024", "sites", "north", "a")


def test_a_folder_that_appears_twice_is_one_tag(tmp_path):
    write_image(tmp_path / "1" / "2" / "1" / "images" / "a.png")
    assert read("folder", path=str(tmp_path)).scenes[0].tags == ("1", "2")


def test_scenes_of_a_folder_are_unlabelled(tmp_path):
    write_image(tmp_path / "a.png")
    assert read("folder", path=str(tmp_path)).scenes[0].shapes is None


def test_images_come_in_the_order_of_their_paths(tmp_path):
    for name in ("b.png", "a/z.png", "a.jpg", "a/b/c.png"):
        write_image(tmp_path / name)
    reading = read("folder", path=str(tmp_path), name="n")
    assert reading.ids == ["n/a/b/c.png", "n/a/z.png", "n/a.jpg", "n/b.png"]
    assert reading.source.scene_count == 4


def test_hidden_files_and_other_files_are_passed_over(tmp_path):
    write_image(tmp_path / "a.PNG")
    write_image(tmp_path / ".thumbnails" / "b.png")
    (tmp_path / "._a.png").write_bytes(b"what a Mac leaves behind")
    (tmp_path / "notes.txt").write_text("notes")
    assert read("folder", path=str(tmp_path), name="n").ids == ["n/a.PNG"]


def test_a_file_that_only_looks_like_an_image_is_left_to_the_decoder(tmp_path):
    for name in ("a.png", "a.tif"):
        (tmp_path / name).write_text("not an image")
    reading = read("folder", path=str(tmp_path))
    assert len(reading.scenes) == 2
    assert len(reading.report) == 0


@pytest.mark.parametrize(
    ("path", "words"),
    [
        pytest.param("shipz", "Did you mean ships", id="misspelt"),
        pytest.param("nothing/here", "Correct the path", id="nothing alike"),
        pytest.param("ships", "no image below", id="empty"),
        pytest.param("ships/a.txt", "is a file", id="a file"),
    ],
)
def test_a_folder_that_cannot_be_read_says_why(tmp_path, path, words):
    (tmp_path / "ships").mkdir()
    (tmp_path / "ships" / "a.txt").touch()
    with pytest.raises(SourceError, match=words):
        open_kind("folder", path=str(tmp_path / path))
