"""Whatever was sent to Label Studio comes back, also from a step that did not end well."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from zenml import log_metadata, pipeline
from zenml.artifacts.external_artifact import ExternalArtifact
from zenml.client import Client

import materializers  # noqa: F401
from records.manifests import (
    INGESTS,
    PICKS,
    all_tiles_sent,
    beside_ingests,
    kind_beside_ingests,
    manifests_of,
)
from steps.send_picked_tiles import send_picked_tiles
from steps.sync_annotations import sync_annotations
from tests.builders import make_tile
from tests.fixtures.label_studio import Harbour
from utils.errors import ConfigurationError
from utils.feedback.picked import PickedTile, PickedTiles, Reason
from utils.shapes.shapes import ShapeKind, Shapes
from utils.tiling.manifest import TileManifest
from utils.tiling.options import TilingOptions
from utils.tiling.tile import Tile


@pytest.fixture
def reachable(harbour: Harbour, monkeypatch: pytest.MonkeyPatch) -> Harbour:
    """A project that steps find."""
    monkeypatch.setenv("LABEL_STUDIO_URL", harbour.server.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", harbour.server.api_key)
    return harbour


def ids(manifests: list[TileManifest]) -> list[set[str]]:
    return [{tile.tile_id for tile in manifest} for manifest in manifests]


def picked(tile: Tile, rank: int) -> PickedTile:
    found = Shapes(np.array([[5.0, 6, 20, 30]]), ("ship",), np.array([0.5]))
    return PickedTile(tile, rank, 0.5, Reason.UNCERTAIN, found=found, model_version="3")


def test_tiles_of_a_step_that_failed_half_way_are_known(reachable: Harbour, tmp_path: Path) -> None:
    store, classes = str(reachable.store), reachable.class_names
    new = [make_tile(reachable.store, "open sea", x=64 * x, seed=50 + x) for x in range(3)]
    gone = replace(new[2], uri=str(reachable.store / "gone.png"))
    picks = [picked(tile, rank) for rank, tile in enumerate([*new[:2], gone], 1)]

    @pipeline(enable_cache=False)
    def ingest() -> None:
        sync_annotations(ExternalArtifact(value=reachable.manifest), store, reachable.options)

    @pipeline(enable_cache=False)
    def feedback() -> None:
        send_picked_tiles(
            ExternalArtifact(value=PickedTiles.write(tmp_path / "picks", classes, picks)),
            ExternalArtifact(value=TileManifest.write(tmp_path / "tiles", classes, new)),
            store,
            None,
            reachable.options.updated(max_bad_share=0.0),
            "relabel",
        )

    project = reachable.options.project
    assert manifests_of(project) == []
    ingest()
    with pytest.raises(Exception, match="send_picked_tiles"):
        feedback()

    assert {tile.tile_id for tile in new[:2]} <= reachable.tasks().keys()
    (ingested,), (sent,) = manifests_of(project, INGESTS), manifests_of(project, PICKS)
    everything = {tile.tile_id for tile in (*reachable.tiles, *new)}
    assert ids([sent.load()]) == [{tile.tile_id for tile in new}]
    assert [one.id for one in manifests_of(reachable.project.id)] == [ingested.id, sent.id]
    assert ids([all_tiles_sent(ingested.load(), project, tmp_path / "all")]) == [everything]


def test_a_project_keeps_its_tiles_at_the_edges(reachable: Harbour) -> None:
    @pipeline(enable_cache=False)
    def ingest() -> None:
        sync_annotations(
            ExternalArtifact(value=reachable.manifest), str(reachable.store), reachable.options
        )

    project = reachable.options.project
    assert beside_ingests(TilingOptions(), project).edges == "full"
    ingest()
    # The manifest does not say, being old.
    assert beside_ingests(TilingOptions(), project).edges == "cut"
    for manifest in manifests_of(project):
        shutil.rmtree(manifest.uri)
    with pytest.raises(ConfigurationError, match=r"tiling\.edges=cut"):
        beside_ingests(TilingOptions(), project)
    assert beside_ingests(TilingOptions(edges="full"), project).edges == "full"


def test_a_project_keeps_the_kind_of_its_labels(reachable: Harbour) -> None:
    @pipeline(enable_cache=False)
    def ingest() -> None:
        sync_annotations(
            ExternalArtifact(value=reachable.manifest), str(reachable.store), reachable.options
        )

    project = reachable.options.project
    assert kind_beside_ingests(None, project) is None
    assert kind_beside_ingests(ShapeKind.OBB, project) == ShapeKind.OBB
    ingest()
    assert kind_beside_ingests(None, project) == ShapeKind.DETECT
    assert kind_beside_ingests(ShapeKind.DETECT, project) == ShapeKind.DETECT
    with pytest.raises(ConfigurationError, match=r"have boxes .* asks for oriented boxes"):
        kind_beside_ingests(ShapeKind.OBB, project)


def test_a_manifest_sent_before_manifests_had_tags_is_still_known(reachable: Harbour) -> None:
    project = reachable.options.project

    @pipeline(enable_cache=False)
    def ingest() -> None:
        sync_annotations(
            ExternalArtifact(value=reachable.manifest), str(reachable.store), reachable.options
        )

    run = ingest()
    (sent, *_) = manifests_of(project)
    for version in manifests_of(project):
        Client().update_artifact_version(version.id, remove_tags=[tag.name for tag in version.tags])
    assert manifests_of(project) == []
    log_metadata(
        {"label studio project": {"id": reachable.project.id, "name": project}},
        step_name="sync_annotations",
        run_id_name_or_prefix=run.id,
    )
    assert [one.id for one in manifests_of(project)] == [sent.id]

    (tagged,) = manifests_of(project, INGESTS)
    Client().update_artifact_version(
        sent.id,
        add_tags=[f"{PICKS[0]}:{project}"],  # as far as a killed search had come
        remove_tags=[tag.name for tag in tagged.tags],
    )
    assert [one.id for one in manifests_of(project, INGESTS)] == [sent.id]
