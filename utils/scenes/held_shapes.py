"""The kinds of shapes that a source holds, seen in its first labelled scenes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from utils.errors import SourceError
from utils.issues import IssueReport
from utils.scenes.one_kind import least_kind
from utils.scenes.scene import SceneSource
from utils.scenes.selection import WHOLE
from utils.shapes.shapes import ShapeKind

_MOST_LABELLED = 100
_MOST_SCENES = 300


@dataclass(frozen=True, slots=True)
class HeldShapes:
    """The shapes that a source holds, or those in its first labelled scenes.

    Attributes:
        counts: Number of shapes of each kind; 0 where only the kind is known.
    """

    counts: Mapping[ShapeKind, int]

    @property
    def least(self) -> ShapeKind | None:
        """The kind that all of them can become; None where there are none."""
        return least_kind(self.counts)

    @property
    def possible(self) -> list[ShapeKind]:
        """The kinds that some of them are or can become."""
        return [
            kind
            for kind in ShapeKind
            if any(kind == held or kind.is_lesser_than(held) for held in self.counts)
        ]

    def __str__(self) -> str:
        """The counts in words: `500 polygons and 3 boxes`; the kinds alone without counts."""
        counts = sorted(self.counts.items(), key=lambda found: -found[1])
        return " and ".join(_counted_in_words(count, kind) for kind, count in counts) or "no labels"


def _counted_in_words(count: int, kind: ShapeKind) -> str:
    """A count with its noun, such as `1 polygon`; the noun alone where nothing was counted."""
    return f"{count} {kind.singular if count == 1 else kind.noun}" if count else kind.noun


def held_shapes(source: SceneSource) -> HeldShapes:
    """Count the shapes of a source that knows them, else those in its first labelled scenes.

    These are a hundred scenes at most, among the first three hundred.
    """
    if source.held is not None:
        return HeldShapes(source.held)
    counts: Counter[ShapeKind] = Counter()
    for counted in islice(_counted(source), _MOST_LABELLED):
        counts += counted
    return HeldShapes(dict(counts))


def _counted(source: SceneSource) -> Iterator[Counter[ShapeKind]]:
    """Yield the counts of each scene that holds any."""
    scenes = source.read_selected(IssueReport(), WHOLE)
    for scene in islice(scenes, _MOST_SCENES):
        counts = Counter({shapes.kind: len(shapes) for shapes in scene.held if len(shapes)})
        if counts:
            yield counts


def chosen_kind(source: str, held: HeldShapes, wanted: ShapeKind | None) -> ShapeKind:
    """Choose the kind to which the shapes of a source are brought.

    Args:
        source: Name of the source, for messages.
        held: The shapes it holds.
        wanted: Kind that is asked for; None for the least that it holds.

    Returns:
        The kind; boxes where the source has no labels and none is asked for.

    Raises:
        SourceError: If none of its shapes are, or can become, of the kind that is asked for.
    """
    if wanted is None:
        return held.least or ShapeKind.DETECT
    if held.counts and wanted not in held.possible:
        works = " or ".join(held.possible)
        raise SourceError(
            f"The source '{source}' holds {held}, which cannot become {wanted.noun} "
            f"(kind: {wanted}). Set kind to {works}, or leave it out."
        )
    return wanted
