"""Images with one class each: folders of classes, or a CSV file of images and classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from utils.errors import SourceError
from utils.issues import Issue, IssueReport
from utils.labels.objects import NO_LABEL, ImageLabels, LabelledObject
from utils.scenes.class_folders import class_by_folder, empty_class_folders
from utils.scenes.class_table import read_class_table
from utils.scenes.image_files import bytes_of, images_below, scene_from
from utils.scenes.mirror import dataset_folder
from utils.scenes.options import ClassesSource
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import Selection
from utils.scenes.settle import Notices, settled
from utils.shapes.shapes import ShapeKind

_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class _Classes:
    """The classes of images.

    Attributes:
        of: Gives the classes of an image.
        images: Images to read.
        splits: Split of an image that a table gives.
        issues: Everything wrong that concerns no image to read.
    """

    of: Callable[[Path], Sequence[str]]
    images: list[Path]
    splits: dict[Path, str] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)


def open_classes(options: ClassesSource) -> SceneSource:
    """Open a folder of images whose classes are named by folders or by a table.

    Raises:
        SourceError: If the folder is missing, holds no image, or no image has a class.
        StoreError: If the bucket cannot be read.
    """
    dataset = dataset_folder(options.path)
    root = dataset.root
    images = images_below(root)
    classes = (
        _by_table(root, images, options) if options.table else _by_folder(root, images, options)
    )
    names = sorted({name for image in classes.images for name in classes.of(image)})
    if not names:
        raise SourceError(_without_class(root, options))
    name = options.name or root.name

    def read(report: IssueReport, selection: Selection) -> Iterator[Scene]:
        notices = Notices()
        for image, copy in dataset.fetched(selection.of(classes.images), report):
            scene = scene_from(name, root, image, None, copy)
            found = [LabelledObject.of_image(label) for label in classes.of(image)]
            labels = ImageLabels(found, is_labelled=bool(found))
            split = classes.splits.get(image)
            yield replace(settled(scene, labels, image, notices, report), split=split)
        notices.report(name, report)
        if selection.ends_with(len(classes.images)):
            report.extend(classes.issues)

    size = partial(bytes_of, classes.images)
    held = {ShapeKind.CLASSIFY: sum(map(bool, map(classes.of, classes.images)))}
    return SceneSource(name, tuple(names), len(classes.images), read, size, held=held)


def _without_class(root: Path, options: ClassesSource) -> str:
    if options.table is not None:
        return f"No image that {root / options.table} lists is there, or none has a class."
    where = "is in a folder" if options.class_folder is None else "has that many folders above it"
    return (
        f"No image below {root} {where} that could name its class. Name the level of the folder in "
        "`class_folder`, or a CSV file in `table`."
    )


def _by_folder(root: Path, images: list[Path], options: ClassesSource) -> _Classes:
    level = options.class_folder

    def classes_of(image: Path) -> list[str]:
        name = class_by_folder(image, root, level)
        return [] if name is None else [name]

    without = [image for image in images if not classes_of(image)]
    issues = empty_class_folders(root, images, level)
    if without:
        detail = f"{len(without)} images are in no folder of a class and are taken as unlabelled"
        issues.append(_about(root, detail, without))
    return _Classes(classes_of, images, issues=issues)


def _by_table(root: Path, images: list[Path], options: ClassesSource) -> _Classes:
    table = read_class_table(
        root / str(options.table), root, images, options.image_column, options.class_column
    )
    listed = [image for image in images if image in table.classes]
    left = [image for image in images if image not in table.classes]
    issues = table.issues
    if left:
        detail = f"{len(left)} images are not in {options.table} and are not read"
        issues.append(_about(root, detail, left))
    return _Classes(lambda image: table.classes[image], listed, table.splits, issues)


def _about(root: Path, detail: str, images: Sequence[Path]) -> Issue:
    examples = ", ".join(image.name for image in images[:_EXAMPLES])
    return Issue(str(root), NO_LABEL, f"{detail}: {examples}", set_aside=False)
