"""Write the file of a project for a user's own images, after a look at them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from commands.console import complain, say
from commands.inspection import label_kind, show
from commands.project import (
    DEFAULT_TILE_SIZE,
    NAME,
    ProjectOptions,
    project_files,
    projects_folder,
    read_project,
)
from utils.errors import ConfigurationError, SourceError
from utils.files import write_whole
from utils.options import unknown_key
from utils.paths import PROJECT_ROOT
from utils.project_commands import PROJECT_VARIABLE
from utils.scenes.image_files import existing_folder
from utils.scenes.inspect import inspect
from utils.shapes.shapes import ShapeKind

# A photograph up to this length stays whole: cut, it would leave slivers.
_LARGEST_WHOLE = 2 * DEFAULT_TILE_SIZE
# A look at the first scenes is enough to know sizes and classes; a hub sends every image.
_MOST_SCENES, _MOST_OF_HUB = 2000, 20
_HUB = "hugging_face"
_PLACES = ("path", "dataset")

_TEMPLATE = """\
# The project '{name}', made by `python run.py --new-project {name}`. Use it with
# --project {name}, or for the whole day: export SPYGLASS_PROJECT={name}.
# docs/projects.md describes every key.
{needed}
# Boxes (detect), oriented boxes (obb), polygons (segment), or a class for each image (classify).
kind: {kind}
# Largest width and height of a tile, in pixels: {reason}.
tile_size: {tile_size}
{further}# By default, everything else is called after the project:
# data_store: ${{LOCAL}}/store/{name}    # a folder, or gs://bucket/prefix
# model: {name}-detector    # ZenML model and MLflow experiment
# label_studio: {name}    # name or number of the Label Studio project
# dataset: {name}    # FiftyOne dataset
"""


def make_project(name: str, answers: Mapping[str, Any], *, yes: bool = False) -> Path:
    """Write `configs/projects/NAME.yaml`; what `answers` leaves open is found, or asked.

    Args:
        name: Name of the project.
        answers: Keys of the project's file by dotted path, such as `source.path` and `classes`.
        yes: Whether what is found is accepted without a question.

    Returns:
        The file.

    Raises:
        ConfigurationError: If there is such a project, a key is unknown, or a question can be
            asked nobody.
        SourceError: If the images cannot be read.
    """
    file = projects_folder() / f"{name}.yaml"
    _check_name(name, file)
    _check_keys(answers)
    source, classes, found = _look(name, answers, yes=yes)
    tile_size, reason = _tile_size(found["scenes"], answers.get("tile_size"))
    found_values = {"source": source, "classes": classes, "tile_size": tile_size}
    found_values["kind"] = found["shapes"]
    named = {key: value for key, value in answers.items() if not key.startswith("source.")}
    text = _text(name, found_values | named | {"classes": classes}, reason)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, text)
    try:
        read_project(file)
    except ConfigurationError:
        file.unlink()
        raise
    _show_next(name, file, found, classes)
    return file


def tile_size_for(lengths: Sequence[int]) -> int:
    """Choose the tile size that suits images by their longer sides.

    Images up to 2000 pixels stay whole: the size is the longest side, and at least the default.
    Larger images are cut into tiles of the default size.

    Args:
        lengths: Longer side of each image, in pixels.
    """
    longest = max(lengths, default=0)
    return max(longest, DEFAULT_TILE_SIZE) if longest <= _LARGEST_WHOLE else DEFAULT_TILE_SIZE


def _check_name(name: str, file: Path) -> None:
    if not re.match(NAME, name):
        raise ConfigurationError(
            f"--new-project {name}: a name has 3 to 40 letters, digits, '-' and '_', such as "
            "cells or harbour-2."
        )
    names = {read_project(other).name: other for other in project_files() if other != file}
    if file.exists() or name in names:
        place = file if file.exists() else names[name]
        raise ConfigurationError(
            f"The project '{name}' is there already, in {_shown(place)}, and stays as it is. "
            "Change that file, or take another name."
        )


def _check_keys(answers: Mapping[str, Any]) -> None:
    known = [key for key in ProjectOptions.model_fields if key != "name"]
    for key in answers:
        first = key.split(".")[0]
        if first not in known:
            raise ConfigurationError(f"--set {key}: {unknown_key(first, known)}")


def _look(
    name: str, answers: Mapping[str, Any], *, yes: bool
) -> tuple[dict[str, Any], list[str], dict[str, Any]]:
    """Return the source, its classes, and what was found in it."""
    fields = {key.partition(".")[2]: value for key, value in answers.items() if "source." in key}
    place = str(next((fields.pop(key) for key in _PLACES if key in fields), ""))
    given = answers.get("classes") or fields.pop("classes", None)
    kind = fields.pop("kind", None)
    fields["shapes"] = label_kind(answers.get("kind"))
    if place:
        place, found, given = _found(kind, place, fields, given)
    else:
        place, found, given = _found_where_asked(name, kind, fields, given)
    show(place, found)
    classes = _as_list(given) if given else _asked_classes(found["classes"], yes=yes)
    key = "dataset" if found["kind"] == _HUB else "path"
    del fields["shapes"]
    return {"kind": found["kind"], key: place, **fields}, classes, found


def _found_where_asked(
    name: str, kind: str | None, fields: Mapping[str, Any], classes: Any
) -> tuple[str, dict[str, Any], Any]:
    """Ask where the images are until they are found."""
    while True:
        place = _ask(
            "Where are the images? (a folder, gs://bucket/prefix, or a dataset of Hugging Face)",
            f"Say where the images are: python run.py --new-project {name} --set source.path=DIR",
        )
        try:
            return _found(kind, place, fields, classes)
        except SourceError as error:
            say(str(error))


def _found(
    kind: str | None, place: str, fields: Mapping[str, Any], classes: Any
) -> tuple[str, dict[str, Any], Any]:
    """Inspect a source; where its labels are numbers without names, ask for the classes first.

    Returns:
        The place, as it is written into the file; everything found there; the classes, if given.
    """
    if Path(place).expanduser().is_dir():
        place = str(existing_folder(Path(place).expanduser()).absolute())
    most = _MOST_SCENES if Path(place).is_dir() else _MOST_OF_HUB
    options = {"max_scenes": most, **fields}
    try:
        return place, inspect(kind, place, **options, **_named(classes)), classes
    except SourceError as error:
        if classes or "`classes`" not in str(error):
            raise
        say(str(error))
        classes = _asked_classes([], yes=False)
        return place, inspect(kind, place, **options, **_named(classes)), classes


def _named(classes: Any) -> dict[str, Any]:
    return {"classes": _as_list(classes)} if classes else {}


def _asked_classes(found: Sequence[str], *, yes: bool) -> list[str]:
    if found and yes:
        return list(found)
    proposed = f" [{', '.join(found)}]" if found else " (names, with commas between them)"
    accept = f"accept {', '.join(found)} with --yes, or name" if found else "name"
    answer = _ask(
        f"Which classes?{proposed}",
        f"Say which classes to find: {accept} them by --set 'classes=[NAME, NAME]'",
        default=", ".join(found),
    )
    return _as_list(answer)


def _as_list(classes: Any) -> list[str]:
    if isinstance(classes, str):
        classes = classes.strip().strip("[]").split(",")
    names = [str(name).strip() for name in classes]
    return [name for name in dict.fromkeys(names) if name]


def _ask(question: str, remedy: str, default: str = "") -> str:
    """Ask until there is an answer; without one to come, the remedy says how to give it."""
    if not sys.stdin.isatty():
        raise ConfigurationError(f"{remedy}.")
    try:
        while not (answer := input(f"{question} ").strip() or default):
            pass
    except EOFError:  # Ctrl-D
        raise ConfigurationError(f"{remedy}.") from None
    return answer


def _tile_size(scenes: Sequence[Mapping[str, Any]], given: Any = None) -> tuple[int, str]:
    """The tile size, by default the one that suits the scenes, and what it makes of them."""
    lengths = [max(scene["width"], scene["height"]) for scene in scenes]
    size = given if isinstance(given, int) else tile_size_for(lengths)
    if all(length <= size for length in lengths):
        return size, f"each of the images (up to {max(lengths, default=0)} pixels) is one tile"
    return size, f"images up to {max(lengths)} pixels are cut into tiles"


def _text(name: str, chosen: dict[str, Any], reason: str) -> str:
    needed = {"name": name, "source": chosen.pop("source"), "classes": chosen.pop("classes")}
    tile_size, kind = chosen.pop("tile_size"), chosen.pop("kind")
    return _TEMPLATE.format(
        name=name,
        needed=_yaml(needed),
        reason=reason,
        tile_size=tile_size,
        kind=kind,
        further=f"{_yaml(chosen)}\n" if chosen else "",
    )


def _yaml(values: Mapping[str, Any]) -> str:
    """Write keys and values, with lists such as `classes: [rbc, wbc]` in one line."""
    lines: list[str] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            lines += [f"{key}:", *(f"  {line}" for line in _yaml(value).splitlines())]
        else:
            shown = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
            lines.append(f"{key}: {shown.removesuffix('...' + chr(10)).strip()}")
    return "\n".join(lines)


def _show_next(name: str, file: Path, found: Mapping[str, Any], classes: Sequence[str]) -> None:
    left_out = {key: n for key, n in found["labels_by_class"].items() if key not in classes}
    if left_out:
        counts = ", ".join(f"{count} {key}" for key, count in left_out.items())
        renamed = f"class_mapping: {{{next(iter(left_out))}: {classes[0]}}}"
        say(f"  Left out: {counts}. To give a class another name, write '{renamed}' under source.")
    if found["refused"]:
        complain(f"  Warning: an ingest would be refused as it is. {found['refused']}")
    say(f"Written: {_shown(file)}. Look at it, then:")
    option = "" if os.environ.get(PROJECT_VARIABLE) == name else f" --project {name}"
    noun = ShapeKind(found["shapes"]).noun.partition(" of ")[0]
    for command, purpose in (
        ("--ingest", "images → tiles → a labelling queue"),
        ("--export --promote staging --training --local", "reviewed labels → a detector"),
        ("--promote production --inference --feedback", f"its {noun} → the same queue"),
    ):
        say(f"  # {purpose}\n  python run.py{option} {command}")
    if option:
        say(f"For the whole day instead of {option.strip()}: export {PROJECT_VARIABLE}={name}")


def _shown(file: Path) -> Path:
    return file.relative_to(PROJECT_ROOT) if file.is_relative_to(PROJECT_ROOT) else file
