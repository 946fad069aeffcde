"""What a person should know about the image of a scene that is used."""

from __future__ import annotations

from utils.images.evenness import Evenness
from utils.images.facts import Note
from utils.images.files import image_facts
from utils.images.georeference import read_place
from utils.images.missing import missing_share
from utils.images.options import PixelOptions
from utils.issues import Issue
from utils.scenes.scene import Scene


def image_issues(scene: Scene, pixels: PixelOptions) -> list[Issue]:
    """The choices made for the image of a scene, and what it says that could not be used.

    Raises:
        ImageError: If the image cannot be read.
    """
    facts = image_facts(scene.path, pixels)
    return _issues(scene, [*facts.notes, *read_place(scene.path, pixels).notes])


def evenness_issues(scene: Scene, evenness: Evenness, pixels: PixelOptions) -> list[Issue]:
    """Whether a large part of a scene has one colour and its file does not say that it is missing.

    Args:
        scene: The scene.
        evenness: All of its pixels, or those that were read.
        pixels: How they were read.

    Raises:
        ImageError: If the image cannot be read.
    """
    if evenness.note() is None:
        return []
    note = evenness.note(missing_share(scene.path, pixels))
    return [] if note is None else _issues(scene, [note])


def _issues(scene: Scene, notes: list[Note]) -> list[Issue]:
    return [Issue(scene.id, note.kind, note.detail, set_aside=False) for note in notes]
