"""Two versions of a dataset are told apart tile by tile, and no box is counted twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import boxes, labeled, make_tile
from utils.dataset.changes import compare_datasets
from utils.reports.changes_page import changes_page

SHIPS = boxes((10, 10, 20, 20), (40, 10, 50, 20))


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiles")
    made = [make_tile(folder, x=64 * number, truth=SHIPS, seed=number) for number in range(6)]
    return sorted(labeled(made), key=lambda tile: tile.tile_id)


def test_a_version_differs_from_itself_in_nothing(tiles):
    changes = compare_datasets(tiles, tiles)
    assert changes.tiles == {"same": 6}
    assert +changes.boxes == {"kept": 12}
    assert not changes.newly_reviewed
    assert not changes.shown


def test_added_changed_and_removed_tiles_are_told_apart(tiles):
    moved = replace(tiles[2], shapes=boxes((11, 11, 21, 21)), annotation_id=9)
    later = [tiles[1], moved, *tiles[3:]]
    changes = compare_datasets(tiles[:5], later)
    assert changes.tiles == {"removed": 1, "same": 3, "changed": 1, "added": 1}
    assert changes.boxes == {"kept": 6, "moved": 1, "added": 2, "removed": 3}
    assert changes.newly_reviewed == 2
    assert (changes.classes_before["ship"], changes.classes_after["ship"]) == (10, 9)


def test_without_an_earlier_version_everything_is_added(tiles):
    changes = compare_datasets((), tiles)
    assert changes.tiles == {"added": 6}
    assert +changes.boxes == {"added": 12}


def test_another_picture_under_the_same_boxes_is_a_change(tiles):
    changes = compare_datasets(tiles[:1], [replace(tiles[0], sha256="another")])
    assert changes.tiles == {"changed": 1}


def test_a_review_counts_as_new_until_a_version_holds_it(tiles):
    fresh = replace(tiles[0], annotation_id=5, annotated_at=datetime.now(UTC))
    assert compare_datasets(tiles[:1], [fresh]).newly_reviewed == 1
    assert compare_datasets([fresh], [fresh]).newly_reviewed == 0


@given(st.data())
def test_every_tile_is_counted_once_in_any_two_versions(tiles, data):
    subset = st.sets(st.sampled_from(range(6)))
    earlier, later = data.draw(subset), data.draw(subset)
    changes = compare_datasets(
        [tiles[number] for number in sorted(earlier)], [tiles[number] for number in sorted(later)]
    )
    assert changes.tiles["added"] == len(later - earlier)
    assert changes.tiles["removed"] == len(earlier - later)
    assert changes.tiles["same"] == len(earlier & later)


def test_the_page_shows_the_tiles_with_most_changes(tiles):
    moved = replace(tiles[2], shapes=boxes((11, 11, 21, 21)))
    html = changes_page(compare_datasets(tiles, [*tiles[:2], moved]), "version 3", "version 4")
    assert "Changes in version 4" in html
    assert "Since version 3." in html
    assert "labels 1 moved, 1 removed" in html
    assert html.count("<figure ") == 4
