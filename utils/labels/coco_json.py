"""One COCO JSON file, parsed without trust: its images, each with its labels, and its classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utils.errors import LabelError
from utils.issues import Issue, printable
from utils.labels.coco_places import place_of
from utils.labels.json_kinds import foreign_kind, is_coco
from utils.labels.objects import (
    CROWD_REGION,
    NO_IMAGE,
    UNKNOWN_CLASS,
    UNREADABLE_LABEL,
    ImageLabels,
    LabelledObject,
    are_shares,
    class_name,
    frame_of,
    has_area,
    is_true,
    mapped_tags,
    nothing_is_there,
)
from utils.labels.rectangles import settle_rectangles

DOUBLED_KEY = "key twice in one object"
PLACEHOLDER = "category that is no class"
SEQUENCE_CLASS = "class of a whole sequence, not of its images"
SOME_CLASSES = "not all classes were looked for"
ALL_CROWDS = "all labels marked as crowds"
NO_ANNOTATIONS = "no annotation in the file"
_FIELDS = ("images", "annotations", "categories")
# Fields of an agricultural context that describe the data set, in long texts or in numbers.
_NO_TAGS = frozenset(
    {"id", "n_images", "url", "upload_time", "photography_description", "agcontext_name"}
)


@dataclass(slots=True)
class CocoFile:
    """The content of one JSON file.

    Attributes:
        path: The file.
        entries: File name and labels of each image, by the image's id.
        class_names: Names of the categories that are classes, in the order of the file.
        placeholders: Names of categories that own no label and are no class.
        issues: Everything wrong with the file that concerns no image of it.
        shares: Whether its coordinates are shares of the images.
        is_predicted: Whether its labels are predictions that nobody has reviewed.
        masks: Files of the masks of its labels, which are no images to label.
    """

    path: Path
    entries: dict[str, tuple[str, ImageLabels]] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    placeholders: tuple[str, ...] = ()
    issues: list[Issue] = field(default_factory=list)
    shares: bool = False
    is_predicted: bool = False
    masks: set[Path] = field(default_factory=set)

    def take_classes(self, listed: Iterable[str] = ()) -> None:
        """Take the classes that the file lists, then other classes of its labels, sorted."""
        labels = {found.label for _, labels in self.entries.values() for found in labels.objects}
        self.class_names = tuple(dict.fromkeys((*listed, *sorted(labels))))

    def add_issue(self, item: object, kind: str, detail: str, lost: int = 0) -> None:
        """Note something wrong."""
        self.issues.append(Issue(f"{self.path}: {item}", kind, detail, set_aside=False, lost=lost))


def coco_file(
    path: Path,
    content: Any,
    doubled: frozenset[str] = frozenset(),
    only_class: str | None = None,
) -> CocoFile:
    """The images and labels in the content of a JSON file of COCO.

    Args:
        path: The file, for messages.
        content: Its content.
        doubled: Keys that some object of it has twice.
        only_class: Class of all annotations, where the file has no categories at all.

    Raises:
        LabelError: If it is not COCO's, or has fields that are no lists.
    """
    if not is_coco(content):
        remedy = foreign_kind(content) or "Name others in `annotations`."
        raise LabelError(f"{path} is no COCO JSON: it has no list of `images`. {remedy}")
    if again := doubled.intersection(_FIELDS):
        raise LabelError(f"{path} is no valid COCO JSON: it has `{min(again)}` twice.")
    images, annotations, categories = (_list_in(path, content, key) for key in _FIELDS)
    coco = CocoFile(path)
    if doubled:
        keys = ", ".join(sorted(doubled)[:3])
        coco.add_issue("keys", DOUBLED_KEY, f"the last value of {keys} counts")
    names = _category_names(coco, categories)
    if annotations and not names:
        if categories or only_class is None:
            raise LabelError(
                f"{path} is no usable COCO JSON: no entry of `categories` has a name. If all "
                "labels are of one class, name it: --set 'source.classes=[NAME]'"
            )
        names = {"": only_class}
    contexts = _contexts(content.get("agcontexts"))
    _add_entries(coco, images, contexts)
    if not all(labels.is_labelled for _, labels in coco.entries.values()):
        detail = "an image without labels is unlabelled, since only some classes were looked for"
        coco.add_issue("images", SOME_CLASSES, detail)
    if not annotations:
        _note_no_annotations(coco, is_list=content.get("annotations") is not None)
    used = _add_annotations(coco, annotations, names, _of_short_sequences(images))
    settle_rectangles([labels for _, labels in coco.entries.values()])
    _choose_classes(coco, categories, names, used)
    coco.shares = are_shares(
        [found.xyxy for _, labels in coco.entries.values() for found in labels.objects]
    )
    return coco


def _list_in(path: Path, content: Mapping[str, Any], key: str) -> list[Any]:
    value = content.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise LabelError(f"{path} is no valid COCO JSON: `{key}` is no list. Mend it.")
    return value


def id_of(value: object) -> str | None:
    """An id as text, so that 1, 1.0 and "1" are one; None for what can be none."""
    if isinstance(value, bool) or value is None or isinstance(value, list | dict):
        return None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else None
    return str(value).strip() or None


def _category_names(coco: CocoFile, categories: list[Any]) -> dict[str, str]:
    names: dict[str, str] = {}
    for number, category in enumerate(categories):
        fields = category if isinstance(category, Mapping) else {}
        key, name = id_of(fields.get("id")), class_name(fields.get("name"))
        if key is None or name is None:
            detail = "it has no usable `id` and `name`"
            coco.add_issue(f"categories[{number}]", UNREADABLE_LABEL, detail)
        elif names.setdefault(key, name) != name:
            detail = f"'{names[key]}' has the id {key} already"
            coco.add_issue(f"categories[{number}]", UNREADABLE_LABEL, detail)
    return names


def _contexts(contexts: object) -> dict[str, tuple[str, ...]]:
    """The tags of WeedCOCO's agricultural contexts, by id."""
    rows = contexts if isinstance(contexts, list) else []
    described = [row for row in rows if isinstance(row, Mapping)]
    return {id_of(row.get("id")) or "": context_tags(row) for row in described}


def context_tags(context: Mapping[str, Any]) -> tuple[str, ...]:
    """The tags of one agricultural context of WeedCOCO, such as `crop_type:wheat`.

    Texts of more than a few words and facts about the whole data set are no tags.
    """
    facts = {name: value for name, value in context.items() if name not in _NO_TAGS}
    for name, value in facts.items():
        if isinstance(value, Mapping) and {"min", "max"} <= value.keys():
            facts[name] = f"{value['min']}-{value['max']}"
    return mapped_tags(facts)


def _add_entries(
    coco: CocoFile, images: list[Any], contexts: Mapping[str, tuple[str, ...]]
) -> None:
    """Add the images by id; those without a name or an id of their own are reported."""
    for number, image in enumerate(images):
        fields = image if isinstance(image, Mapping) else {}
        key, file_name = id_of(fields.get("id")), _file_name(fields)
        if key is None or file_name is None:
            detail = "it has no usable `id` and `file_name`"
            item = f"{coco.path}: images[{number}]"
            coco.issues.append(Issue(item, UNREADABLE_LABEL, detail))
        elif key in coco.entries:
            detail = f"{coco.entries[key][0]} has the id {key} already"
            coco.issues.append(Issue(f"{coco.path}: {file_name}", UNREADABLE_LABEL, detail))
        else:
            labels = ImageLabels(frame=frame_of(fields.get("width"), fields.get("height")))
            labels.group = _group(fields)
            labels.is_labelled = "neg_category_ids" not in fields  # as LVIS tells which were
            labels.tags = contexts.get(id_of(fields.get("agcontext_id")) or "", ())
            coco.entries[key] = file_name, labels


def _note_no_annotations(coco: CocoFile, *, is_list: bool) -> None:
    """Report a file that labels nothing; without a list of labels its images are unlabelled."""
    taken = "labelled and empty" if is_list else "unlabelled"
    detail = f"its {len(coco.entries)} images are taken as {taken}"
    coco.add_issue("annotations", NO_ANNOTATIONS, detail)
    for _, labels in coco.entries.values():
        labels.is_labelled = labels.is_labelled and is_list


def _file_name(image: Mapping[str, Any]) -> str | None:
    """The name of an image; LVIS gives its address alone."""
    names = (image.get(key) for key in ("file_name", "coco_url"))
    return next((name for name in names if isinstance(name, str) and name.strip()), None)


def _group(image: Mapping[str, Any]) -> str | None:
    """The site of a camera trap, or the burst (COCO Camera Traps); the video of a frame."""
    for key in ("location", "seq_id", "video_id"):
        value = image.get(key)
        if isinstance(value, str | int) and str(value).strip():
            return f"{key} {printable(str(value))}"
    return None


def _of_short_sequences(images: list[Any]) -> set[str | None]:
    """The ids of images that are all of their sequence, whose class is theirs."""
    rows = [row for row in images if isinstance(row, Mapping)]
    return {id_of(row.get("id")) for row in rows if id_of(row.get("seq_num_frames")) == "1"}


def _add_annotations(
    coco: CocoFile,
    annotations: list[Any],
    names: Mapping[str, str],
    of_short_sequences: Container[str | None],
) -> Counter[str]:
    """Give every annotation to its image.

    Returns:
        The number of annotations with a place in their image, by category id.
    """
    used: Counter[str] = Counter()
    without_image: Counter[str] = Counter()
    rows = [row if isinstance(row, Mapping) else {} for row in annotations]
    all_crowds = len(rows) > 1 and all(_is_crowd(row) for row in rows)
    if all_crowds:  # as some tools mark every mask that they write in runs
        detail = f"all {len(rows)} annotations have iscrowd 1, so that it tells nothing"
        coco.add_issue("annotations", ALL_CROWDS, detail)
    for number, row in enumerate(rows):
        image_id, category = id_of(row.get("image_id")), id_of(row.get("category_id"))
        entry = coco.entries.get(image_id or "")
        if image_id is None:
            detail = "it has no usable `image_id` and `category_id`"
            coco.add_issue(f"annotations[{number}]", UNREADABLE_LABEL, detail, lost=1)
        elif entry is None:
            without_image[image_id] += 1
        elif _is_crowd(row) and not all_crowds:
            entry[1].unused[CROWD_REGION] += 1
            used[category or ""] += 1
        elif _is_of_sequence(row, names) and image_id not in of_short_sequences:
            entry[1].unused[SEQUENCE_CLASS] += 1
        elif _add_object(entry[1], f"annotations[{number}]", row, names.get(category or "")):
            used[category or ""] += 1
    for image_id, count in without_image.items():
        detail = f"{count} annotations belong to image {image_id}, which is not listed"
        coco.add_issue(f"image {image_id}", NO_IMAGE, detail, lost=count)
    return used


def _is_of_sequence(row: Mapping[str, Any], names: Mapping[str, str]) -> bool:
    """Whether an annotation without a place says what is in a sequence (COCO Camera Traps).

    It may not be in each image of the sequence; where the sequence shows nothing, no image does.
    """
    is_of_sequence = is_true(row.get("sequence_level_annotation"))
    name = names.get(id_of(row.get("category_id")) or "")
    is_placed = row.get("bbox") is not None or bool(row.get("segmentation"))
    return is_of_sequence and not is_placed and name is not None and not nothing_is_there(name)


def _is_crowd(row: Mapping[str, Any]) -> bool:
    return is_true(row.get("iscrowd"))


def _add_object(labels: ImageLabels, item: str, row: Mapping[str, Any], label: str | None) -> bool:
    """Add an annotation to the labels of its image; whether it has a place there."""
    found = place_of(row, labels)
    is_somewhere = found is not None and has_area(found.xyxy)
    is_nowhere = found is None and row.get("bbox") is None and not row.get("segmentation")
    if label is not None and (is_nowhere or (not is_somewhere and nothing_is_there(label))):
        labels.objects.append(LabelledObject.of_image(label))
        return False
    if is_nowhere:
        labels.add_fault(f"{item} says that something is there, but neither what nor where")
        return False
    if label is None:
        given = row.get("category_id")
        detail = f"{item} has category {given!r:.40}, which is not listed"
        labels.add_fault(detail, UNKNOWN_CLASS)
    elif found is None:
        detail = f"{item} ('{label}') has neither a box nor an outline that can be read"
        labels.add_fault(f"{detail}: bbox {row.get('bbox')!r:.80}")
    else:
        labels.objects.append(LabelledObject(label, *found))
    return True


def _choose_classes(
    coco: CocoFile, categories: list[Any], names: Mapping[str, str], used: Mapping[str, int]
) -> None:
    """Separate categories that are classes from those that stand for others or for nothing."""
    above = [
        (id_of(category.get("id")), class_name(category.get("supercategory")))
        for category in categories
        if isinstance(category, Mapping)
    ]

    def is_placeholder(key: str, name: str) -> bool:
        others = [super_name for other, super_name in above if other != key]
        stands_for_others = bool(others) and all(super_name == name for super_name in others)
        return not used.get(key) and (stands_for_others or nothing_is_there(name))

    kept = [name for key, name in names.items() if not is_placeholder(key, name)]
    coco.class_names = tuple(dict.fromkeys(kept or names.values()))
    coco.placeholders = tuple(dict.fromkeys(set(names.values()) - set(coco.class_names)))
