"""A source may be one image or a zip; what it cannot be is told with what to do."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from commands.arguments import parse_arguments
from commands.runs.execution import plan_runs
from tests.builders import write_image
from utils.errors import ConfigurationError, SourceError
from utils.issues import IssueReport
from utils.scenes.archives import folder_of_file
from utils.scenes.inspect import inspect
from utils.scenes.options import FolderSource, YoloSource
from utils.scenes.sources import open_source


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("SPYGLASS_LOCAL", str(tmp_path / "local"))


def ids(options: FolderSource | YoloSource) -> list[str]:
    return [scene.id for scene in open_source(options).read(IssueReport())]


def packed(archive: Path, *folders: str) -> Path:
    with zipfile.ZipFile(archive, "w") as opened:
        for number in range(2):
            image = write_image(archive.with_name(f"{number}.png"), seed=number)
            opened.write(image, "/".join([*folders, image.name]))
            opened.writestr("/".join([*folders, f"{number}.txt"]), "0 0.5 0.5 0.2 0.2\n")
        opened.writestr("__MACOSX/._0.png", b"none")
    return archive


def test_one_image_is_read_with_the_id_that_it_has_in_its_folder(tmp_path):
    image = write_image(tmp_path / "port" / "a.png")
    write_image(tmp_path / "port" / "b.png")
    assert ids(FolderSource(path=str(image))) == ["port/a.png"]
    assert inspect(None, str(image))["kind"] == "folder"
    assert "port/a.png" in ids(FolderSource(path=str(image.parent)))


@pytest.mark.parametrize("folders", [(), ("harbour",)], ids=["flat", "in a folder"])
def test_a_zip_is_read_as_the_folder_that_it_holds(folders, tmp_path):
    archive = packed(tmp_path / "harbour.zip", *folders)
    options = YoloSource(path=str(archive), classes=("ship",))
    assert ids(options) == ["harbour/0.png", "harbour/1.png"]
    assert ids(options) == ["harbour/0.png", "harbour/1.png"]  # once it is unpacked
    assert not list(tmp_path.rglob("._0.png"))


def test_a_zip_that_was_replaced_is_unpacked_again(tmp_path):
    archive = packed(tmp_path / "harbour.zip")
    before = folder_of_file(archive)
    packed(archive, "other")
    assert folder_of_file(archive) != before


def test_a_zip_that_was_killed_half_way_is_unpacked_whole(tmp_path):
    archive = packed(tmp_path / "harbour.zip")
    folder = folder_of_file(archive)
    partial = folder.with_name(".partial")
    folder.rename(partial)
    (partial / "0.png").unlink()
    assert (folder_of_file(archive) / "0.png").is_file()


@pytest.mark.parametrize("name", ["../out.png", "/out.png", "a/../../out.png", "..\\out.png"])
def test_a_zip_that_leads_out_of_its_folder_is_refused(name, tmp_path):
    archive = tmp_path / "bad.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(name, b"none")
    with pytest.raises(SourceError, match="leads out of its folder"):
        folder_of_file(archive)


def test_a_link_in_a_zip_is_refused(tmp_path):
    archive = tmp_path / "bad.zip"
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(link, "/etc/passwd")
    with pytest.raises(SourceError, match="leads out of its folder"):
        folder_of_file(archive)


@pytest.mark.parametrize(
    ("name", "content", "remedy"),
    [
        pytest.param("clip one.MP4", b"none", "--set source.kind=video", id="video"),
        pytest.param("scenes.tar.gz", b"none", "Unpack it, and name the folder", id="archive"),
        pytest.param("scenes.zip", b"none", "download or export it again", id="broken zip"),
        pytest.param("export.json", b"[]", "a folder of its own, with its images", id="labels"),
        pytest.param("notes.txt", b"none", "Name the folder it is in", id="another file"),
    ],
)
def test_other_files_are_told_what_to_do(name, content, remedy, tmp_path):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(SourceError, match=remedy):
        open_source(FolderSource(path=str(file)))


def test_an_inference_without_images_says_what_to_give():
    (loop,) = parse_arguments(["--inference"]).requests
    with pytest.raises(ConfigurationError, match=r"--set source\.path=DIR"):
        plan_runs(loop)
    (loop,) = parse_arguments(["--inference", "--set", "source.path=DIR"]).requests
    (planned,) = plan_runs(loop)
    assert planned.configuration.parameters["source"].path == "DIR"
