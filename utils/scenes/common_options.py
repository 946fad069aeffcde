"""The options that all sources share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from utils.options import Options
from utils.scenes.groups import group_rule


def with_text_keys(mapping: Any) -> Any:
    """A mapping with text as keys: YAML reads `0: ship` as a number."""
    return (
        {str(key): name for key, name in mapping.items()} if isinstance(mapping, dict) else mapping
    )


def _known_rule(rule: str) -> str:
    group_rule(rule)
    return rule


# A local path or `gs://...`, which `Path` would spoil.
Place = Annotated[str, BeforeValidator(lambda path: str(path) if isinstance(path, Path) else path)]


class CommonSourceOptions(Options):
    """Options that all sources share."""

    name: str | None = Field(default=None, pattern=r"^[^/.][^/]*$")
    """Prefix of the scene ids, without a slash. Default: the name of the source's folder or
    dataset."""

    classes: tuple[str, ...] = ()
    """The classes in the order that gives each its index. Boxes of any other class are left out
    and reported; they count as lost unless the source declares their class. For labels that hold
    numbers without names (YOLO without `data.yaml`), these are the names of 0, 1, 2 and so on.
    Default: the classes of the source."""

    class_mapping: Annotated[dict[str, str | None], BeforeValidator(with_text_keys)] = Field(
        default_factory=dict
    )
    """New names for classes: two that get the same name are merged, and the boxes of a class
    mapped to `null` are left out and counted."""

    max_scenes: int | None = Field(default=None, ge=1)
    """Read at most this many scenes, the first in the order of the source. Default: all."""

    group: Annotated[str, AfterValidator(_known_rule)] = "auto"
    """The rule for scenes that must stay together in one split. `auto` keeps together the scenes
    that the source itself groups (a camera-trap location or sequence) or that file names group:
    augmented copies of one photograph (Roboflow's `NAME_jpg.rf.HASH`), frames of a video
    (`NAME_frame_0001`), and windows of a larger image. `scene` lets every scene stand alone;
    `folder` takes the folder of the image, `folder:N` the first N folders. `burst` keeps together
    the images of one folder that a camera took at most 60 seconds after each other by their EXIF,
    `burst:SECONDS` those with another pause. Anything else is a regular expression, searched for
    in the scene's id, whose parenthesised part names the group, such as `(site[0-9]+)`."""

    tags: tuple[str, ...] = ()
    """Tags that every scene gets."""

    folder_levels: tuple[str, ...] = ()
    """Names of the folders above an image, from `path` on, as in `[year, site, subsite]`: their
    tags become `year:2015`, `site:A` and so on. Default: the folders' names are the tags."""

    regions: Place | None = None
    """Use parts of the scenes only: a GeoJSON file of polygons on the map (WGS 84, or the
    system that a member `crs` names; `pixels` names pixels of the scenes), an image as a mask
    (PNG or TIFF, stretched over every scene; what is not 0 is inside), or a folder of such files
    named like the scenes. In a folder, GeoJSON without a `crs` is in pixels where the scene has no
    place on the map. Tiles and windows without a pixel inside are passed over; labels and
    predictions whose centre lies outside are left out and counted. Default: whole scenes."""

    regions_side: Literal["inside", "outside"] = "inside"
    """The side of `regions` to use."""

    max_bad_share: float = Field(default=0.1, ge=0, le=1)
    """The largest share of scenes that may be set aside as unusable, and of labels that may be
    lost, before the run is refused."""

    @model_validator(mode="after")
    def _a_side_of_something(self) -> Self:
        if self.regions is None and self.regions_side != "inside":
            raise ValueError("regions_side is set without regions; set both, or neither")
        return self
