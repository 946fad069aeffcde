"""Batches of what goes to Label Studio."""

from __future__ import annotations

from utils.annotation.label_studio.import_queue import batches
from utils.annotation.label_studio.tasks import TileTask


def tasks(*sizes: int) -> list[TileTask]:
    return [TileTask(f"{number}", "", b"x" * size) for number, size in enumerate(sizes)]


def sizes(parts: list[list[TileTask]]) -> list[list[int]]:
    return [[len(one.body) for one in part] for part in parts]


def test_a_batch_ends_at_a_number_of_items() -> None:
    assert sizes(list(batches(tasks(1, 2, 3, 4, 5), 1.0, 2))) == [[1, 2], [3, 4], [5]]


def test_without_a_number_only_bytes_count() -> None:
    assert sizes(list(batches(tasks(*[400] * 5), 0.001))) == [[400, 400], [400, 400], [400]]
    assert len(list(batches(tasks(*[1] * 2000), 1.0))) == 1


def test_an_item_larger_than_a_batch_goes_alone() -> None:
    assert sizes(list(batches(tasks(1, 5000, 1), 0.001))) == [[1], [5000], [1]]


def test_no_items_make_no_batch() -> None:
    assert list(batches([], 1.0, 2)) == []
