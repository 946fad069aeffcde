"""The exports of labelling tools: unpacked, and read by the format that their files show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from utils.errors import LabelError, SourceError
from utils.labels.coco_json import context_tags
from utils.labels.listings import (
    LISTING_SUFFIXES,
    ForeignFileError,
    ListingRules,
    read_listing,
)
from utils.labels.texts import read_json
from utils.scenes.archives import folder_of_file
from utils.scenes.common_options import CommonSourceOptions
from utils.scenes.image_files import existing_folder, files_below
from utils.scenes.kinds import find_kind, has_cvat_xml, source_options
from utils.scenes.made_once import facts_of, made_once
from utils.scenes.options import CocoSource, ExportSource, SourceOptions

_CONTEXT = "agcontext*.json"  # of Weed-AI: facts about all images of an upload
_CAMERA_TRAP_SCORE = 0.2  # below, MegaDetector's own documents advise against using a detection


def as_read(options: ExportSource) -> SourceOptions:
    """The options of the format that an export is in.

    Raises:
        SourceError: If the folder holds no labels in a format that is read, or a zip that cannot
            be unpacked safely.
    """
    root = _with_zips_unpacked(existing_folder(Path(options.path)))
    common = {name: getattr(options, name) for name in CommonSourceOptions.model_fields}
    common["name"] = options.name or root.name
    if options.kind == "weed-ai":
        common["tags"] = (*options.tags, *_context_tags(root))
    if options.kind == "camera-traps" and options.group == "auto":
        common["group"] = "burst"
    kind = find_kind(str(root)).kind
    if options.kind == "cvat" and kind == "coco" and has_cvat_xml(root):
        kind = "voc"  # its own form holds all that was drawn, that of COCO a part
    if kind == "hugging_face":  # a table beside the images that has the name of one of the hub's
        kind = "folder"
    if kind == "coco":
        return CocoSource(path=str(root), **_listing_options(options), **common)
    if kind == "folder" and options.kind != "camera-traps":
        raise SourceError(_no_labels(root, options))
    return source_options(kind, str(root), **common)


def _no_labels(root: Path, options: ExportSource) -> str:
    for file in files_below(root, LISTING_SUFFIXES.__contains__):
        try:
            read_listing(file, ListingRules(options.label_field))
        except ForeignFileError as error:
            return str(error)
        except LabelError:
            continue
    return (
        f"{root} holds no labels of {options.kind} that are read. Check that the export and its "
        f"images are there, or see what is: python run.py --inspect {options.path}"
    )


def _listing_options(options: ExportSource) -> dict[str, Any]:
    score = options.least_score
    if score is None and options.kind == "camera-traps":
        score = _CAMERA_TRAP_SCORE
    return {
        "annotations": options.annotations,
        "label_field": options.label_field,
        "least_score": score,
    }


def _context_tags(root: Path) -> tuple[str, ...]:
    """The tags of the one context of an upload; none where several files may be meant."""
    files = sorted(root.rglob(_CONTEXT))
    if len(files) != 1:
        return ()
    try:
        content, _ = read_json(files[0])
    except LabelError as error:
        raise SourceError(f"{error} Mend it, or take it out.") from None
    return context_tags(content) if isinstance(content, Mapping) else ()


def _with_zips_unpacked(root: Path) -> Path:
    """The folder, or a copy of links in local state where zips in it are unpacked beside it."""
    # A folder of the name of a zip is what somebody has unpacked already.
    zips = sorted(
        path
        for path in root.iterdir()
        if path.suffix.lower() == ".zip" and not path.with_suffix("").exists()
    )
    if not zips:
        return root
    state = root, sorted(root.iterdir()), [facts_of(path) for path in zips]

    def link(view: Path) -> None:
        for path in root.iterdir():
            target = folder_of_file(path) if path in zips else path
            (view / (path.stem if path in zips else path.name)).symlink_to(target)

    return made_once("exports", root.name, state, link)
