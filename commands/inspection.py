"""Show what an ingest would make of a source, before anything is cut or sent."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from commands.console import say
from commands.project import active_project, project_file
from utils.errors import ConfigurationError, SpyglassError
from utils.files import write_whole
from utils.options import unknown_key
from utils.paths import local_folder
from utils.scenes.common_options import CommonSourceOptions
from utils.scenes.image_files import existing_folder
from utils.scenes.inspect import inspect
from utils.shapes.shapes import ShapeKind

_EXAMPLES = 3
_CLASSES_SHOWN = 8
_FORMATS_SHOWN = 3
_SOURCE = "source."
_KIND = "kind"
_LABELS = "kind"  # of the labels, beside `source.kind`
_HUB = "hugging_face"
_PROJECT = "label_studio.project"
_LONGEST_PROJECT = 50  # Label Studio's limit


class RefusedSourceError(SpyglassError):
    """An ingest of the inspected source would be refused."""


def inspect_source(path: str | None, overrides: Mapping[str, Any], json_file: Path | None) -> None:
    """Print a summary of a source, write a page and, where wanted, a JSON file.

    Args:
        path: A folder, `gs://bucket/prefix`, or the id of a dataset on the Hugging Face hub; None
            for the source of the project.
        overrides: Fields of the source by their path in a configuration, such as `source.kind`,
            and `kind`, the kind of the labels.
        json_file: File that receives everything that was found, or None.

    Raises:
        ConfigurationError: If a field does not belong to a source.
        SourceError: If the source as a whole cannot be read.
        RefusedSourceError: If an ingest would be refused, after all was shown.
    """
    if json_file is not None and (json_file.is_dir() or not json_file.parent.is_dir()):
        raise ConfigurationError(f"--json {json_file}: name a file in a folder that is there.")
    shapes = label_kind(overrides.get(_LABELS))
    options = {_field(key): value for key, value in overrides.items() if key != _LABELS}
    is_projects = path is None
    if path is None:
        path, options = _projects_source(options)
        shapes = shapes or active_project().kind
    found = inspect(options.pop(_KIND, None), path, shapes=shapes, **options)
    show(path, found)
    if json_file is not None:
        write_whole(json_file, json.dumps(found, indent=1, ensure_ascii=False))
        say(f"  as JSON: {json_file}")
    if found["refused"]:
        raise RefusedSourceError(f"An ingest would be refused. {found['refused']}")
    if is_projects:
        say("Ingest it with: python run.py --ingest")
        return
    say(f"Ingest it with: {_command(path, found, overrides)}")
    say(f"Or as a project of its own: {_new_project(path, found, overrides)}")


def label_kind(value: Any) -> ShapeKind | None:
    """Return the kind of labels that a user has named, or None.

    Raises:
        ConfigurationError: If there is no such kind.
    """
    if value is None or value in list(ShapeKind):
        return value and ShapeKind(value)
    problem = unknown_key(str(value), list(ShapeKind), "kind")
    raise ConfigurationError(f"--set kind={value}: {problem}")


def _projects_source(overrides: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the place of the project's source, and its options with some of them changed."""
    options = active_project().parameters().get("source")
    if options is None:
        raise ConfigurationError(f"{project_file()} names no source: write one, or --inspect PATH.")
    if overrides.get(_KIND, options[_KIND]) != options[_KIND]:
        options = {}
    options = options | dict(overrides)
    place = "dataset" if options[_KIND] == _HUB else "path"
    return str(options.pop(place, options[_KIND])), options


def _field(key: str) -> str:
    if not key.startswith(_SOURCE):
        known = [f"{_SOURCE}{field}" for field in (_KIND, *CommonSourceOptions.model_fields)]
        hint = unknown_key(key, known)
        raise ConfigurationError(f"--inspect reads the source only; {hint}")
    return key.removeprefix(_SOURCE)


def show(path: str, found: Mapping[str, Any]) -> None:
    """Print a summary of what `inspect` found at a path, and write the page."""
    from utils.reports.inspection_page import inspection_page

    for line in _summary(path, found):
        say(line)
    page = local_folder("inspections") / f"{Path(path).name or 'source'}.html"
    write_whole(page, inspection_page(path, found))
    say(f"  page: {page}")


def _summary(path: str, found: Mapping[str, Any]) -> Iterator[str]:
    scenes = found["scenes"]
    reason = f": {found['reason']}" if found["reason"] else ""
    yield f"{path} is read as `{found['kind']}`{reason}."
    yield f"  {_counted(len(scenes), 'scene')}{_sizes(scenes)}"
    yield f"  labels: {_labels(found)}"
    if found["labels_by_class"]:
        noun = ShapeKind(found["shapes"]).noun
        yield f"  kind: {found['shapes']}; the source holds {found['held']}, read as {noun}"
    yield from _groups(scenes)
    placed = [scene for scene in scenes if scene["centre_lon_lat"]]
    if placed:
        longitude, latitude = placed[0]["centre_lon_lat"]
        yield (
            f"  {len(placed)} of {len(scenes)} scenes know where they lie; the first at "
            f"{abs(latitude):.4f} {'N' if latitude >= 0 else 'S'}, "
            f"{abs(longitude):.4f} {'E' if longitude >= 0 else 'W'}"
        )
    yield from _regions(scenes)
    if found["passed_over"]:
        yield f"  passed over: {_listed(found['passed_over'])}"
    yield from _issues(found["issues"], path)


def _sizes(scenes: Sequence[Mapping[str, Any]]) -> str:
    if not scenes:
        return ""
    sizes = sorted({(s["width"], s["height"]) for s in scenes}, key=lambda size: size[0] * size[1])
    first, last = (f"{width} x {height}" for width, height in (sizes[0], sizes[-1]))
    kinds = Counter(
        f"{s['format']} of {_counted(s['bands'], 'band')}, {s['dtype']}" for s in scenes
    )
    span = first if first == last else f"{first} to {last}"
    return f", {span} pixels; {_listed(dict(kinds.most_common(_FORMATS_SHOWN)))}"


def _labels(found: Mapping[str, Any]) -> str:
    counts = found["labels_by_class"]
    parts = [f"{count} {name}" for name, count in list(counts.items())[:_CLASSES_SHOWN]]
    more = len(counts) - _CLASSES_SHOWN
    parts += [f"and {more} more classes"] if more > 0 else []
    unseen = sum(name not in counts for name in found["classes"])
    unlabelled = sum(scene["labels"] is None for scene in found["scenes"])
    empty = sum(scene["labels"] == [] for scene in found["scenes"])
    notes = [f"{_counted(unseen, 'class')} without a label"] if unseen else []
    notes += [f"{unlabelled} scenes unlabelled"] if unlabelled else []
    notes += [f"{empty} scenes labelled and empty"] if empty else []
    return "; ".join([", ".join(parts) or "none", *notes])


def _groups(scenes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    sizes = Counter(scene["group"] for scene in scenes)
    if len(sizes) < len(scenes):
        name, largest = sizes.most_common(1)[0]
        yield (
            f"  {_counted(len(sizes), 'group')}, each of which stays in one split; "
            f"the largest, {name}, has {_counted(largest, 'scene')}"
        )


def _regions(scenes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    shares = [s["share_in_regions"] for s in scenes if s["share_in_regions"] is not None]
    if shares:
        outside = sum(scene["labels_outside_regions"] for scene in scenes)
        touched = sum(share > 0 for share in shares)
        least, most = f"{min(shares):.0%}", f"{max(shares):.0%}"
        yield (
            f"  regions: {touched} of {_counted(len(scenes), 'scene')} lie in them, with "
            f"{least if least == most else f'{least} to {most}'} of its pixels; "
            f"{_counted(outside, 'label')} outside would be left out"
        )


def _issues(issues: Sequence[Mapping[str, Any]], path: str) -> Iterator[str]:
    aside = len({issue["item"] for issue in issues if issue["set_aside"]})
    kinds = Counter(issue["kind"] for issue in issues)
    if not issues:
        yield "  nothing would be set aside"
        return
    yield f"  set aside: {aside} items; issues: {_listed(dict(kinds.most_common()))}"
    root = existing_folder(Path(path)) if Path(path).is_dir() else path
    worst = sorted(issues, key=lambda issue: not issue["set_aside"])
    for issue in worst[:_EXAMPLES]:
        yield f"    {issue['item']}: {issue['detail']}".replace(f"{root}/", "")
    if len(issues) > _EXAMPLES:
        yield f"    and {len(issues) - _EXAMPLES} more, on the page"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} x {name}" for name, count in counts.items())


def _counted(count: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"


def _command(path: str, found: Mapping[str, Any], overrides: Mapping[str, Any]) -> str:
    chosen = _chosen(path, found, overrides)
    source = Path(str(chosen[f"{_SOURCE}{_place(found)}"]))
    chosen[_PROJECT] = (source.stem if source.is_file() else source.name)[:_LONGEST_PROJECT]
    if not found["classes"]:
        chosen.setdefault(f"{_SOURCE}classes", "[NAME OF YOUR CLASS]")
    if found["labels_by_class"]:
        chosen.setdefault(_LABELS, found["shapes"])
    return f"python run.py --ingest {_sets(chosen)}"


def _new_project(path: str, found: Mapping[str, Any], overrides: Mapping[str, Any]) -> str:
    return f"python run.py --new-project NAME {_sets(_chosen(path, found, overrides))}"


def _chosen(path: str, found: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    is_folder = Path(path).expanduser().is_dir()
    given = str(existing_folder(Path(path))) if is_folder else path
    return {f"{_SOURCE}kind": found["kind"], f"{_SOURCE}{_place(found)}": given, **overrides}


def _place(found: Mapping[str, Any]) -> str:
    return "dataset" if found["kind"] == _HUB else "path"


def _sets(chosen: Mapping[str, Any]) -> str:
    return " ".join(
        f"--set {shlex.quote(f'{key}={_yaml(value)}')}" for key, value in chosen.items()
    )


def _yaml(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
