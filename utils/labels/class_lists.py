"""Class names from the files that YOLO's tools write beside the labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from utils.errors import LabelError
from utils.labels.objects import class_name, coordinate
from utils.labels.texts import read_json, read_text, read_yaml

_SPLITS = ("train", "val", "valid", "test")


@dataclass(frozen=True, slots=True)
class DataYaml:
    """The facts in a YAML file of YOLO.

    Attributes:
        names: Class names by number; empty where it has none.
        keypoint_values: Number of values of the keypoints of a box (`kpt_shape`), 0 for none.
        folder: The folder that its paths are relative to, as it is written (`path`).
        splits: Files and folders of images that it names.
    """

    names: Mapping[int, str]
    keypoint_values: int = 0
    folder: str = ""
    splits: tuple[str, ...] = ()


def read_data_yaml(path: Path) -> DataYaml:
    """Read a YAML file of YOLO.

    Raises:
        LabelError: If it is not readable, or its class names are not.
    """
    fields = read_yaml(path)
    folder = fields.get("path")
    return DataYaml(
        _names(path, fields.get("names")),
        _keypoint_values(fields.get("kpt_shape")),
        folder.value if isinstance(folder, yaml.ScalarNode) else "",
        tuple(text for key in _SPLITS if key in fields for text in _texts(fields[key])),
    )


def _names(path: Path, node: yaml.Node | None) -> dict[int, str]:
    if node is None:
        return {}
    if isinstance(node, yaml.SequenceNode):
        pairs = [(str(number), value) for number, value in enumerate(node.value)]
    elif isinstance(node, yaml.MappingNode):
        pairs = [
            (str(key.value) if isinstance(key, yaml.ScalarNode) else "", value)
            for key, value in node.value
        ]
    else:
        raise _no_names(path, "it is neither a list nor a mapping")
    names: dict[int, str] = {}
    for key, value in pairs:
        number, name = coordinate(key), _name(value)
        if not math.isfinite(number) or number != int(number):
            raise _no_names(path, f"{key!r:.40} is no number")
        if name is None:
            raise _no_names(path, f"the name of {int(number)} is empty or no text")
        if names.setdefault(int(number), name) != name:
            raise _no_names(path, f"{int(number)} has two names")
    return names


def _no_names(path: Path, reason: str) -> LabelError:
    return LabelError(
        f"{path} has no readable class names ({reason}). "
        "Its `names` must be a list of names, or a mapping of numbers to names."
    )


def _name(node: yaml.Node) -> str | None:
    """A class name as it is written; None for null, and for what is no single text."""
    if not isinstance(node, yaml.ScalarNode) or node.tag == "tag:yaml.org,2002:null":
        return None
    return class_name(node.value)


def _keypoint_values(node: yaml.Node | None) -> int:
    if not isinstance(node, yaml.SequenceNode):
        return 0
    sizes = [coordinate(getattr(value, "value", None)) for value in node.value]
    if len(sizes) != 2 or not all(0 < size < 10_000 for size in sizes):
        return 0
    return int(sizes[0]) * int(sizes[1])


def _texts(node: yaml.Node) -> list[str]:
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    return [
        found.value for found in nodes if isinstance(found, yaml.ScalarNode) and found.value.strip()
    ]


def read_name_list(path: Path) -> dict[int, str]:
    """Class names from a text file with one a line (`classes.txt`, `obj.names`).

    Raises:
        LabelError: If it is not readable, or holds no name.
    """
    lines = [class_name(line) for line in read_text(path).rstrip().splitlines()]
    names = {number: name for number, name in enumerate(lines) if name is not None}
    if not names:
        raise LabelError(f"{path} holds no class name.")
    return names


def read_notes(path: Path) -> dict[int, str]:
    """Class names from Label Studio's `notes.json`.

    Raises:
        LabelError: If it is not readable, or holds no name.
    """
    content, _ = read_json(path)
    categories = content.get("categories") if isinstance(content, dict) else None
    names: dict[int, str] = {}
    for category in categories if isinstance(categories, list) else ():
        fields = category if isinstance(category, dict) else {}
        number, name = coordinate(fields.get("id")), class_name(fields.get("name"))
        if number == number and abs(number) < 1e9 and name is not None:
            names[int(number)] = name
    if not names:
        raise LabelError(f"{path} holds no class name.")
    return names


def read_obj_data(path: Path) -> dict[str, str]:
    """The settings of darknet's `obj.data`: `names`, `train` and `valid` name files.

    Raises:
        LabelError: If it is not readable.
    """
    pairs = (line.partition("=") for line in read_text(path).splitlines())
    return {key.strip(): value.strip() for key, mark, value in pairs if mark}
