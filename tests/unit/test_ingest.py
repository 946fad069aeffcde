"""From scenes to tiles in the store and the manifest."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.builders import boxes, write_image
from tests.ingest_scenes import (
    NAMES,
    OPTIONS,
    folder_source,
    ingest,
    ingest_source,
    write_scenes,
)
from utils.errors import BusyError, ImageError, StoreError, TooManyIssuesError
from utils.files import sha256_of
from utils.images.georeference import Georeference
from utils.issues import IssueReport
from utils.locks import exclusive
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import Selection
from utils.scenes.shards import plan_shards
from utils.shapes.shapes import Shapes
from utils.storage import local
from utils.storage.store import open_store
from utils.tiling.ingest import ingest_scenes, merge_ingests
from utils.tiling.options import TilingOptions
from utils.tiling.parts import part_key


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_scenes(tmp_path / "images")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def files_with_age(store: Path) -> dict[str, tuple[int, int]]:
    """For every stored file, a state that changes when it is written again."""
    files = (path for path in store.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def source_of(*scenes: Scene, class_names: tuple[str, ...] = ()) -> SceneSource:
    return SceneSource("test", class_names, len(scenes), lambda _, selection: selection.of(scenes))


def test_the_manifest_lists_every_tile_in_order_of_scene_and_window(images, store, tmp_path):
    result = ingest(images, str(store), tmp_path / "m.parquet")
    tiles = list(result.manifest)
    assert [(t.scene_id, t.window) for t in tiles] == sorted((t.scene_id, t.window) for t in tiles)
    assert {tile.scene_id for tile in tiles} == {f"harbour/{name}" for name in NAMES}
    for tile in tiles:
        assert sha256_of(Path(tile.uri)) == tile.sha256
        assert Path(tile.uri).stat().st_size == tile.size_bytes
    scene = np.asarray(Image.open(images / tiles[0].scene_id.removeprefix("harbour/")))
    window = tiles[0].window
    assert np.array_equal(np.asarray(Image.open(tiles[0].uri)), scene[window.rows, window.columns])


def test_the_statistics_count_what_was_done(images, store, tmp_path):
    result = ingest(images, str(store), tmp_path / "m.parquet")
    tiles = list(result.manifest)
    assert result.statistics.scenes == 4
    assert result.statistics.scenes_unchanged == 0
    assert result.statistics.tiles == len(tiles)
    assert result.statistics.boxes == 8
    assert result.statistics.boxes_in_several_tiles == 4
    assert result.statistics.bytes == sum(tile.size_bytes for tile in tiles)
    # One box of each scene lies in one tile; the other has a quarter, two halves and all of it in
    # four tiles, and a quarter is too little.
    assert sum(len(tile.shapes) for tile in tiles) == 4 * (1 + 3)
    assert result.statistics.box_parts_dropped == 4


def test_a_second_run_changes_nothing_and_cuts_nothing(images, store, tmp_path):
    first = ingest(images, str(store), tmp_path / "first.parquet")
    before = files_with_age(store)
    second = ingest(images, str(store), tmp_path / "second.parquet")
    assert files_with_age(store) == before
    assert (tmp_path / "second.parquet").read_bytes() == (tmp_path / "first.parquet").read_bytes()
    assert second.statistics == replace(first.statistics, scenes_unchanged=4)
    assert second.issues.issues == first.issues.issues


@pytest.mark.parametrize("shards", [2, 3, 7])
def test_any_number_of_shards_leaves_the_same(images, store, tmp_path, shards):
    whole = ingest(images, str(store), tmp_path / "whole.parquet")
    shared = ingest(images, str(tmp_path / "other"), tmp_path / "shared.parquet", shards)
    assert [replace(tile, uri="") for tile in shared.manifest] == [
        replace(tile, uri="") for tile in whole.manifest
    ]
    assert shared.statistics == whole.statistics
    ingest(images, str(store), tmp_path / "again.parquet", shards)
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_shards_may_run_at_the_same_time(images, store, tmp_path):
    source = folder_source(images)

    def work(selection: Selection):
        path = tmp_path / f"{selection.shard}.parquet"
        return ingest_scenes(
            source, open_store(str(store)), OPTIONS, manifest_path=path, selection=selection
        )

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(work, plan_shards(source, 4)))
    merge_ingests(results, tmp_path / "together.parquet")
    ingest(images, str(store), tmp_path / "alone.parquet")
    assert (tmp_path / "together.parquet").read_bytes() == (tmp_path / "alone.parquet").read_bytes()


@pytest.mark.parametrize("damage", ["removed", "shortened", "changed"])
def test_a_damaged_tile_is_restored_and_the_others_are_left_alone(images, store, tmp_path, damage):
    first = ingest(images, str(store), tmp_path / "first.parquet")
    before = files_with_age(store)
    tile = Path(next(iter(first.manifest)).uri)
    content = tile.read_bytes()
    if damage == "removed":
        tile.unlink()
    else:
        tile.write_bytes(content[:-1] + (b"" if damage == "shortened" else b"?"))
    second = ingest(images, str(store), tmp_path / "second.parquet")
    assert tile.read_bytes() == content
    assert second.statistics.scenes_unchanged == 3
    after = files_with_age(store)
    assert {path for path in before if after[path] != before[path]} == {str(tile)}
    assert (tmp_path / "second.parquet").read_bytes() == (tmp_path / "first.parquet").read_bytes()


def test_a_damaged_part_is_made_again(images, store, tmp_path):
    ingest(images, str(store), tmp_path / "first.parquet")
    part = next((store / "parts").rglob("*.parquet"))
    part.write_bytes(b"PAR1 rubbish")
    ingest(images, str(store), tmp_path / "second.parquet")
    assert (tmp_path / "second.parquet").read_bytes() == (tmp_path / "first.parquet").read_bytes()


def test_a_changed_scene_is_cut_again_and_its_old_tiles_stay(images, store, tmp_path):
    first = list(ingest(images, str(store), tmp_path / "first.parquet").manifest)
    write_image(images / "a.png", 260, 170, seed=99)
    second = ingest(images, str(store), tmp_path / "second.parquet")
    assert second.statistics.scenes_unchanged == 3
    assert all(sha256_of(Path(tile.uri)) == tile.sha256 for tile in first)


def test_changed_boxes_reach_the_manifest_without_new_tiles(images, store, tmp_path):
    ingest(images, str(store), tmp_path / "first.parquet")
    tiles = {path for path in files_with_age(store) if "/tiles/" in path}
    source = folder_source(images, boxes((1, 1, 5, 5), label="tug"))
    result = ingest_scenes(
        source, open_store(str(store)), OPTIONS, manifest_path=tmp_path / "m.parquet"
    )
    assert next(iter(result.manifest)).shapes == boxes((1, 1, 5, 5), label="tug")
    assert {path for path in files_with_age(store) if "/tiles/" in path} == tiles


def test_class_names_are_those_of_the_source_or_else_those_seen_sorted(images, store, tmp_path):
    truth = Shapes(np.array([[1, 1, 5, 5], [2, 2, 6, 6]]), ("tug", "ferry"))
    seen = folder_source(images, truth)
    named = replace(seen, class_names=("tug", "ferry", "yacht"))
    manifests = [
        ingest_scenes(
            source, open_store(str(store)), OPTIONS, manifest_path=tmp_path / "m.parquet"
        ).manifest.class_names
        for source in (seen, named)
    ]
    assert manifests == [("ferry", "tug"), ("tug", "ferry", "yacht")]


@pytest.mark.parametrize("shards", [1, 2, 7])
def test_bad_scenes_are_set_aside_and_the_rest_goes_on(images, store, tmp_path, shards):
    (images / "a.png").write_bytes((images / "a.png").read_bytes()[:5000])
    (images / "b.png").write_text("I am a text")
    result = ingest_source(
        folder_source(images), str(store), tmp_path / "m.parquet", shards, max_bad_share=0.5
    )
    assert {tile.scene_id for tile in result.manifest} == {
        "harbour/north/a.png",
        "harbour/c (1).png",
    }
    assert sorted(issue.item for issue in result.issues.issues) == [
        "harbour/a.png",
        "harbour/b.png",
    ]
    assert result.statistics.scenes_set_aside == 2
    assert result.statistics.scenes == 2


def test_too_many_bad_scenes_are_refused_before_a_manifest_is_written(images, store, tmp_path):
    (images / "a.png").write_bytes(b"")
    with pytest.raises(TooManyIssuesError, match=r"1 of 4 scenes .* is empty"):
        ingest(images, str(store), tmp_path / "m.parquet")
    assert not (tmp_path / "m.parquet").exists()


def test_what_the_source_sets_aside_counts(images, store, tmp_path):
    def read(issues: IssueReport, selection: Selection):
        issues.add("gone.xml", "label without image", "no image belongs to it", set_aside=False)
        issues.add("bad.png", "label cannot be read", "bad.xml is no XML")
        yield Scene("a.png", images / "a.png")

    with pytest.raises(TooManyIssuesError, match=r"1 of 2 scenes .*: bad\.png: bad\.xml is no"):
        ingest_source(SceneSource("test", (), None, read), str(store), tmp_path / "m.parquet")


def test_a_run_that_loses_too_many_labels_is_refused(images, store, tmp_path):
    """No scene is set aside, and yet a third of all boxes has vanished."""

    def read(issues: IssueReport, selection: Selection):
        issues.add("a.txt", "label cannot be read", "line 3 is no box", set_aside=False, lost=1)
        yield Scene("a.png", images / "a.png", boxes((1, 1, 5, 5), (2, 2, 9, 9)), lost=1)

    with pytest.raises(TooManyIssuesError, match=r"1 of 3 labels are lost.*a\.txt: line 3"):
        ingest_source(SceneSource("test", (), None, read), str(store), tmp_path / "m.parquet")


def test_bad_boxes_are_reported_and_their_scene_is_kept(images, store, tmp_path):
    truth = boxes((1, 1, 5, 5), (9, 9, 2, 2), (900, 900, 950, 950))
    scene = Scene("a.png", images / "a.png", truth)
    result = ingest_scenes(
        source_of(scene), open_store(str(store)), OPTIONS, manifest_path=tmp_path / "m.parquet"
    )
    assert result.issues.counts() == {"unusable box": 2}
    assert result.statistics.boxes == 1
    assert result.statistics.boxes_set_aside == 2
    assert result.statistics.scenes_set_aside == 0


def test_equal_file_names_in_different_folders_are_different_scenes(images, store, tmp_path):
    result = ingest(images, str(store), tmp_path / "m.parquet")
    names = [tile.uri for tile in result.manifest if tile.scene_id.endswith("a.png")]
    assert len(names) == len(set(names))


def test_an_image_that_vanishes_while_its_scene_is_begun_is_an_error_of_that_image(tmp_path):
    with pytest.raises(ImageError, match=r"gone\.png does not exist"):
        part_key(Scene("gone.png", tmp_path / "gone.png"), OPTIONS)


def test_tags_and_georeference_reach_every_tile(images, store, tmp_path):
    place = Georeference("EPSG:3857", (10.0, 0.0, 5.0, 0.0, -10.0, 7.0))
    scene = Scene("a.png", images / "a.png", None, ("2024", "north"), place)
    result = ingest_scenes(
        source_of(scene), open_store(str(store)), OPTIONS, manifest_path=tmp_path / "m.parquet"
    )
    for tile in result.manifest:
        assert (tile.tags, tile.georeference, tile.shapes) == (("2024", "north"), place, None)


def test_an_empty_source_gives_an_empty_manifest(store, tmp_path):
    result = ingest_scenes(
        source_of(), open_store(str(store)), OPTIONS, manifest_path=tmp_path / "m.parquet"
    )
    assert len(result.manifest) == 0


def test_scenes_without_a_box_leave_nothing_where_empty_tiles_are_dropped(images, store, tmp_path):
    options = TilingOptions(tile_size=100, overlap=0, empty_tiles="drop")
    for run in ("first", "second"):
        result = ingest_scenes(
            source_of(Scene("a.png", images / "a.png", Shapes())),
            open_store(str(store)),
            options,
            manifest_path=tmp_path / f"{run}.parquet",
        )
        assert len(result.manifest) == 0
        assert result.statistics.empty_tiles_dropped == 6
        assert result.statistics.scenes_unchanged == (run == "second")


def test_two_ingests_into_one_store_do_not_run_at_the_same_time(images, store, tmp_path):
    with (
        exclusive("ingest", str(store)),
        pytest.raises(BusyError, match=f"already running on {store}"),
    ):
        ingest(images, str(store), tmp_path / "m.parquet")


def test_too_little_disk_space_is_said_before_any_work(images, store, tmp_path, monkeypatch):
    monkeypatch.setattr(local, "_SPARE_BYTES", 10**18)
    with pytest.raises(StoreError, match="MB are needed"):
        ingest(images, str(store), tmp_path / "m.parquet")
    assert not store.exists()


def test_a_fault_of_the_source_stops_the_run(images, store, tmp_path):
    def read(issues: IssueReport, selection: Selection):
        yield Scene("a.png", images / "a.png")
        raise ImageError("the source is broken")

    with pytest.raises(ImageError, match="the source is broken"):
        ingest_scenes(
            SceneSource("test", (), None, read),
            open_store(str(store)),
            OPTIONS,
            manifest_path=tmp_path / "m.parquet",
        )
