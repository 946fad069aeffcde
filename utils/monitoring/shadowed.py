"""Images that champion and challenger both predicted in production."""

from __future__ import annotations

from collections.abc import Iterable, Set

from utils.dataset.labeled import LabeledTile
from utils.evaluation.shadow_agreement import Shadowed
from utils.monitoring.notes import Note
from utils.monitoring.reviewed import reviewed_images

_NOTHING: frozenset[str] = frozenset()


def shadowed_of(
    notes: Iterable[Note],
    labels: Iterable[LabeledTile],
    champion: str,
    challenger: str,
    learned: Set[str] = _NOTHING,
) -> Shadowed:
    """Join the notes of both versions on the same images with the labels that people left.

    Args:
        notes: Notes of the service, in order of time; the first of each image and version counts.
        labels: Labelled tiles.
        champion: Version in production.
        challenger: Version that shadows it.
        learned: Ids of tiles that one of both has learned from, which tell nothing.
    """
    of_champion: dict[tuple[str, object], Note] = {}
    of_challenger: dict[tuple[str, object], Note] = {}
    for note in notes:
        place = note.image, note.window
        if note.window is None or not note.image:
            continue
        if note.role == "champion" and note.version == champion:
            of_champion.setdefault(place, note)
        elif note.role == "shadow" and note.version == challenger:
            of_challenger.setdefault(place, note)
    both = [place for place in of_champion if place in of_challenger]
    reviewed = [tile for tile in labels if tile.tile_id not in learned]
    return Shadowed(
        champion=reviewed_images([of_champion[place] for place in both], reviewed),
        challenger=reviewed_images([of_challenger[place] for place in both], reviewed),
        shadowed=len({image for image, _ in both}),
    )
