"""A tile, and its id."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from utils.geometry import Window
from utils.images.georeference import Georeference
from utils.shapes.shapes import Shapes

_UNSAFE = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Tile:
    """A window of a scene, stored as an image of its own.

    Attributes:
        tile_id: From `tile_id_of`; the same in every run.
        scene_id: The scene it was cut from.
        window: Its place in the scene, in pixels.
        uri: Where the encoded image is: an absolute local path or `gs://...`.
        sha256: SHA-256 of the encoded bytes.
        size_bytes: Size bytes of the encoded bytes.
        shapes: Ground truth in tile coordinates, clipped to the tile; None where the scene is
            unlabelled.
        scene_width: Scene width of the whole scene, in pixels.
        scene_height: Scene height of the whole scene, in pixels.
        tags: Tags of the scene.
        georeference: That of the scene.
        group: Unit of splitting, as in `Scene.group`; the scene id where the scene stands alone.
        split: Split that the source gives the scene, as in `Scene.split`.
        objects: Number of each shape's object among the usable labels of its scene: the pieces of
            one object in several tiles have one number. Empty in tiles of earlier versions.
    """

    tile_id: str
    scene_id: str
    window: Window
    uri: str
    sha256: str
    size_bytes: int
    scene_width: int
    scene_height: int
    shapes: Shapes | None = None
    tags: tuple[str, ...] = field(default=())
    georeference: Georeference | None = None
    group: str = ""
    split: str | None = None
    objects: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Let a scene without a group be one of its own."""
        object.__setattr__(self, "group", self.group or self.scene_id)


def scene_key(scene_id: str) -> str:
    """A name for a scene that is safe in file names, URLs and object keys, and unique.

    The readable part may be equal for two scenes ("a b" and "a_b"); the hash of the whole id tells
    them apart.
    """
    readable = _UNSAFE.sub("-", scene_id).strip("-").lower()[-48:].strip("-")
    digest = hashlib.sha256(scene_id.encode()).hexdigest()[:10]
    return f"{readable}-{digest}" if readable else digest


def tile_id_of(scene_id: str, window: Window) -> str:
    """The id of the tile that `window` cuts from a scene: derived from both, never counted."""
    return f"{scene_key(scene_id)}_x{window.x}_y{window.y}_{window.width}x{window.height}"
