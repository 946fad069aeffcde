"""Issues of the images of scenes that are used all the same."""

from __future__ import annotations

from utils.images.damage import DamageSigns
from utils.images.facts import Note
from utils.images.files import image_facts
from utils.images.georeference import read_place
from utils.images.missing import mask_note, missing_share
from utils.images.options import PixelOptions
from utils.issues import Issue
from utils.scenes.scene import Scene


def image_issues(scene: Scene, pixels: PixelOptions) -> list[Issue]:
    """The choices made for the image of a scene, and what it says that could not be used.

    Raises:
        ImageError: If the image cannot be read.
    """
    facts = image_facts(scene.path, pixels)
    place = read_place(scene.path, pixels)
    return _issues(scene, [*facts.notes, *place.notes, *mask_note(scene.path, pixels)])


def damage_issues(scene: Scene, damage: DamageSigns, pixels: PixelOptions) -> list[Issue]:
    """Issues of the pixels of a scene: decoders in doubt, and large even parts.

    Args:
        scene: The scene.
        damage: Gathered while it was read.
        pixels: How it was read.

    Raises:
        ImageError: If the image cannot be read.
    """
    return _issues(scene, damage.notes(lambda: missing_share(scene.path, pixels)))


def _issues(scene: Scene, notes: list[Note]) -> list[Issue]:
    return [Issue(scene.id, note.kind, note.detail, set_aside=False) for note in notes]
