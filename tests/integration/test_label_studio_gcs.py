"""Tiles in a bucket, shown by the real Label Studio."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.fixtures.label_studio import Harbour
from utils.annotation.label_studio.connection import ask
from utils.annotation.label_studio.images import connect_storage
from utils.errors import LabelStudioError
from utils.storage.store import open_store


def test_tiles_in_a_bucket_are_sent_by_their_uri_and_shown(
    harbour: Harbour, gcs_bucket: str
) -> None:
    source = f"{gcs_bucket}/tiles"
    store = open_store(source)
    contents = {}
    for number, tile in enumerate(harbour.tiles):
        local = Path(tile.uri)
        uri = store.put(local, f"harbour a/{local.name}")
        harbour.tiles[number] = replace(tile, uri=uri)
        contents[tile.tile_id] = local.read_bytes()
    harbour.images = connect_storage(harbour.client, harbour.project, source)

    assert harbour.sync().added == len(harbour.tiles)
    for tile_id, listed in harbour.tasks().items():
        task = ask(harbour.client, "GET", f"api/tasks/{listed['id']}")
        shown = httpx.get(
            harbour.server.url + task["data"]["image"],
            headers={"Authorization": f"Token {harbour.server.api_key}"},
            follow_redirects=True,
        )
        assert shown.content == contents[tile_id]
    assert [tile.uri for tile in harbour.export().dataset] == sorted(
        tile.uri for tile in harbour.tiles
    )


def test_a_bucket_is_connected_once(harbour: Harbour, gcs_bucket: str) -> None:
    open_store(gcs_bucket).write("a.png", b"a")
    for _ in range(2):
        images = connect_storage(harbour.client, harbour.project, gcs_bucket)
    assert images.url_of(f"{gcs_bucket}/a.png") == f"{gcs_bucket}/a.png"
    parameters = {"project": harbour.project.id}
    (storage,) = ask(harbour.client, "GET", "api/storages/gcs/", params=parameters)
    assert storage["status"] == "completed"
    assert storage["last_sync_count"] == 0


def test_a_bucket_that_is_not_there_is_one_sentence(harbour: Harbour) -> None:
    with pytest.raises(
        LabelStudioError, match=r"storage gs://no-such-bucket/tiles failed.*b/no-such-bucket"
    ):
        connect_storage(harbour.client, harbour.project, "gs://no-such-bucket/tiles")
