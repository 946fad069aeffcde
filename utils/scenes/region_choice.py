"""Regions of a source, each found for its scene."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from utils.errors import ConfigurationError, ImageError, SourceError
from utils.images.formats import is_image
from utils.issues import IssueReport
from utils.scenes.bucket import local_image
from utils.scenes.on_map import WGS84
from utils.scenes.region_files import RegionPolygons, read_polygons
from utils.scenes.region_masks import check_mask
from utils.scenes.regions import Region, Side, region
from utils.storage.objects import is_local

NOT_USED = "regions not used"
UNUSED_FILE = "region file without scene"
OUTSIDE_REGIONS = "scene outside the regions"

_JSON = (".geojson", ".json")
_MASKS = (".png", ".tif", ".tiff")
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Regions:
    """The regions of a source.

    Attributes:
        common: The region of all scenes, or None where each has its own.
        own: The files of a folder, by their path in it without suffix.
        alike: The same files by their name without suffix.
        side: The side of a shape to use.
        path: Where they come from, for messages.
        met: The files that a scene was found for.
    """

    common: Region | None
    own: Mapping[PurePosixPath, Path]
    alike: Mapping[str, Sequence[Path]]
    side: Side
    path: str
    met: set[Path] = field(default_factory=set)

    def of(self, scene_id: str, report: IssueReport) -> Region | None:
        """The region of a scene; None if there is none, so the whole scene is used.

        Args:
            scene_id: As in `Scene.id`: the name of the source, and the path below it.
            report: Receives a word where a scene has no region.

        Raises:
            ConfigurationError: If the file of its region cannot be used.
        """
        if self.common is not None:
            return self.common
        key = PurePosixPath(*PurePosixPath(scene_id).parts[1:])
        alike = self.alike.get(key.stem, ())
        file = self.own.get(key.with_suffix("")) or self.own.get(key)
        if file is None and len(alike) == 1:
            file = alike[0]
        if file is None:
            found = f"{len(alike)} files" if alike else "no file"
            detail = f"{self.path} has {found} of the scene's name: the whole scene is used"
            report.add(scene_id, NOT_USED, detail, set_aside=False)
            return None
        self.met.add(file)
        polygons = _shape(file)
        _tell(polygons, report)
        return region(polygons, self.side)

    def report_problems(self, report: IssueReport) -> None:
        """Note what was mended in a file for all scenes."""
        if self.common is not None:
            _tell(self.common.shape, report)

    def tell_unmet(self, report: IssueReport) -> None:
        """Note the files that belong to no scene, once all scenes were read."""
        unmet = sorted(str(file.name) for file in set(self.own.values()) - self.met)
        if unmet:
            more = f" and {len(unmet) - _EXAMPLES} more" if len(unmet) > _EXAMPLES else ""
            detail = f"no scene has the name of {', '.join(unmet[:_EXAMPLES])}{more}"
            report.add(self.path, UNUSED_FILE, detail, set_aside=False)


def open_regions(place: str | None, side: Side, images: str | None = None) -> Regions | None:
    """Open the regions that the options of a source name.

    Args:
        place: A GeoJSON file, a mask image, or a folder of either; None for no regions.
        side: The side of them to use.
        images: The folder of the source, where a mask would be read as a scene.

    Raises:
        ConfigurationError: If they cannot be used; the message names the file.
    """
    if place is None:
        return None
    try:
        path = local_image(place).expanduser().absolute()
    except ImageError as error:
        raise ConfigurationError(
            f"source.regions: {place} is no file that can be fetched ({error}) Name one file; a "
            "folder of regions must be on this machine."
        ) from None
    if path.is_dir():
        own = _files_of(path)
        _refuse_masks_among_images(own.values(), images)
        alike: dict[str, list[Path]] = defaultdict(list)
        for stem, file in own.items():
            alike[stem.name].append(file)
        return Regions(None, own, alike, side, str(path))
    if not path.is_file():
        raise ConfigurationError(f"source.regions: {path} does not exist. Correct the path.")
    _refuse_masks_among_images([path], images)
    return Regions(region(_shape(path, WGS84), side), {}, {}, side, str(path))


def check_regions(report: IssueReport, scenes: int, windows: int, outside: int) -> None:
    """Refuse a run whose regions touch no scene.

    Args:
        report: The issues of all scenes.
        scenes: Number of scenes that were read.
        windows: Number of windows of all scenes.
        outside: Number of these without a pixel that the regions ask for.

    Raises:
        SourceError: If no scene could be placed in the regions, or none touches them.
    """
    unused = [issue for issue in report.issues if issue.kind == NOT_USED]
    if scenes and len({issue.item for issue in unused}) >= scenes:
        raise SourceError(
            f"The regions apply to none of the {scenes} scenes ({unused[0].item}: "
            f"{unused[0].detail}). Leave out source.regions, or give regions that fit."
        )
    if windows and outside == windows:
        raise SourceError(
            f"The regions leave nothing of the {scenes} scenes. Look whether they name the right "
            "coordinate reference system, and whether source.regions_side is meant."
        )


def _files_of(folder: Path) -> dict[PurePosixPath, Path]:
    files: dict[PurePosixPath, list[Path]] = defaultdict(list)
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix.lower() in (*_JSON, *_MASKS):
            files[PurePosixPath(file.relative_to(folder).with_suffix(""))].append(file)
    if not files:
        raise ConfigurationError(
            f"source.regions: {folder} holds no region ({', '.join((*_JSON, *_MASKS))}). "
            "Name each like its scene."
        )
    _refuse_doubles(files.values())
    return {stem: found[0] for stem, found in files.items()}


def _refuse_masks_among_images(files: Iterable[Path], images: str | None) -> None:
    folder = Path(images).expanduser().absolute() if images and is_local(images) else None
    for file in files:
        if folder is not None and file.is_relative_to(folder) and is_image(file):
            raise ConfigurationError(
                f"source.regions: {file} lies in the folder of the source, where it would be read "
                "as a scene. Move it elsewhere."
            )


def _refuse_doubles(groups: Iterable[list[Path]]) -> None:
    for found in groups:
        if len(found) > 1:
            raise ConfigurationError(
                f"source.regions: {found[0]} and {found[1].name} are regions of one scene. "
                "Leave one out."
            )


def _shape(path: Path, default_crs: str | None = None) -> RegionPolygons | Path:
    if not is_image(path):
        return read_polygons(path, default_crs)
    check_mask(path)
    return path


def _tell(shape: RegionPolygons | Path, report: IssueReport) -> None:
    if isinstance(shape, RegionPolygons):
        for kind, detail in shape.notes:
            report.add(shape.path, kind, detail, set_aside=False)
