"""Tags that people set on samples in the App."""

from __future__ import annotations

from collections.abc import Iterable

from utils.curation.database import database_faults

SENT = "sent"


def tagged_tiles(dataset_name: str, tag: str) -> frozenset[str]:
    """The ids of the tiles whose sample has a tag; none if the dataset does not exist.

    Raises:
        ServerError: If MongoDB cannot be started, or ends meanwhile.
    """
    with database_faults():
        import fiftyone as fo

        if not fo.dataset_exists(dataset_name):
            return frozenset()
        return frozenset(fo.load_dataset(dataset_name).match_tags(tag).values("tile_id"))


def mark_sent(dataset_name: str, tile_ids: Iterable[str], tag: str) -> None:
    """Replace a tag by `sent` on the samples of tiles that were sent.

    Samples without the tag are left alone.

    Raises:
        ServerError: If MongoDB cannot be started.
    """
    with database_faults():
        import fiftyone as fo

        if not fo.dataset_exists(dataset_name):
            return
        dataset = fo.load_dataset(dataset_name)
        asked_for = dataset.match_tags(tag).match(fo.ViewField("tile_id").is_in(list(tile_ids)))
        # In this order: the view loses a sample as soon as the sample loses the tag.
        asked_for.tag_samples(SENT)
        asked_for.untag_samples(tag)
