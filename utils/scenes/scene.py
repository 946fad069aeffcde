"""A scene: an image of any size with its labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from utils.images.georeference import Georeference
from utils.issues import Issue, IssueReport
from utils.scenes.one_kind import Brought, one_kind
from utils.scenes.regions import Region
from utils.scenes.selection import WHOLE, Selection
from utils.shapes.shapes import ShapeKind, Shapes


@dataclass(frozen=True, slots=True)
class Scene:
    """An image of any size, with what is known about it.

    Attributes:
        id: Unique and the same in every run: `<source name>/<path of the image below the source's
            root>`.
        path: The image as a local file; readable while the source's iterator stands at this scene.
        shapes: Ground truth in pixels of the upright image (after EXIF orientation), or None where
            nobody has labelled the scene (an empty `Shapes` means: labelled, and nothing there).
        tags: Words to group and filter by, such as the folders above the image.
        georeference: For GeoTIFF, else None.
        uri: Where the image is kept, where that is not `path`: `gs://...`.
        lost: Number of labels that the source holds for this scene and that could not be read;
            each is in the report. A scene that has lost all of them is unlabelled, not empty.
        group: Name of the scenes that must stay in one split (a burst of a camera trap, a video,
            the augmented copies of one photograph), or None if the scene stands alone.
        region: Part of the scene to use, or None for all of it.
        split: Split that the source gives the scene: `train`, `val` or `test`; None for none.
        further: Shapes of other kinds beside `shapes`, as a source holds them; `SceneSource.read`
            brings all to one kind, so that there are none.
    """

    id: str
    path: Path
    shapes: Shapes | None = None
    tags: tuple[str, ...] = ()
    georeference: Georeference | None = None
    uri: str | None = None
    lost: int = 0
    group: str | None = None
    region: Region | None = None
    split: str | None = None
    further: tuple[Shapes, ...] = ()

    @property
    def held(self) -> tuple[Shapes, ...]:
        """All shapes, those of one kind together."""
        return () if self.shapes is None else (self.shapes, *self.further)

    @property
    def location(self) -> str:
        """Where the image can be found later: an absolute local path or `gs://...`."""
        return self.uri or str(self.path.absolute())


@dataclass(frozen=True, slots=True)
class SceneSource:
    """A place scenes come from, ready to be read.

    Attributes:
        name: Prefix of the scene ids.
        class_names: The classes in the order that gives each its index; empty when the source
            only shows them as it is read, and then they are sorted afterwards.
        scene_count: The number of scenes, or None where it cannot be known without reading them.
        read_selected: Yields the selected scenes one after another, never all in memory and each
            id once; an item that cannot be used is noted in the report and left out.
        total_bytes: Gives the size of all images together, about, where that is known without
            reading them.
        passed_over: Number of files by suffix that are neither images nor labels.
        notes: Findings of the listing of files that are worth reporting, such as links.
        held: Number of labels of each kind, 0 where it is not known; None where the kinds are known
            only by reading.
    """

    name: str
    class_names: tuple[str, ...]
    scene_count: int | None
    read_selected: Callable[[IssueReport, Selection], Iterator[Scene]]
    total_bytes: Callable[[], int] | None = None
    passed_over: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[Issue, ...] = ()
    held: Mapping[ShapeKind, int] | None = None

    def read(
        self, report: IssueReport, selection: Selection = WHOLE, kind: ShapeKind | None = None
    ) -> Iterator[Scene]:
        """Yield the selected scenes, by default all, each with shapes of one kind.

        Args:
            report: Receives what is lost or brought to another kind.
            selection: Scenes to read.
            kind: Kind of all shapes; None for the least kind in each scene.
        """
        brought = Brought()
        for scene in self.read_selected(report, selection):
            shapes, lost = one_kind(scene.id, scene.held, kind, brought, report)
            yield replace(scene, shapes=shapes, further=(), lost=scene.lost + lost)
        brought.report(self.name, report)
