"""The text of label files: any encoding, JSON, YAML and XML read without trust."""

from __future__ import annotations

import csv
import io
import json
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import yaml

from utils.errors import LabelError

# The marks of UTF-32 come first: that of its little-endian form starts with that of UTF-16.
_BYTE_ORDER_MARKS = {
    BOM_UTF32_LE: "utf-32",
    BOM_UTF32_BE: "utf-32",
    BOM_UTF8: "utf-8-sig",
    BOM_UTF16_LE: "utf-16",
    BOM_UTF16_BE: "utf-16",
}
_MOST_YAML_BYTES = 1 << 20  # PyYAML needs some ten seconds for a megabyte


def file_bytes(path: Path) -> bytes:
    """The bytes of a label file.

    Raises:
        LabelError: If it cannot be read.
    """
    try:
        if not path.is_file():  # a pipe would be waited for without end
            raise LabelError(f"{path} cannot be read (it is no regular file).")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LabelError(f"{path} cannot be read ({reason}).") from None


def decoded(content: bytes) -> str:
    """The text of a file in UTF-8, UTF-16 or UTF-32, else taken for Windows' western encoding."""
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    if byte_order := _utf16_without_mark(content):
        return content.decode(byte_order, errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _utf16_without_mark(content: bytes) -> str | None:
    """The byte order of UTF-16, known by its zeros: every other byte of western text is one."""
    half = len(content[:2000]) // 2
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros = content[start:2000:2].count(0)
        if half and zeros > 0.8 * half and content[1 - start : 2000 : 2].count(0) < 0.2 * half:
            return encoding
    return None


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        LabelError: If it cannot be read.
    """
    return decoded(file_bytes(path))


def read_csv(path: Path) -> list[list[str]]:
    """The rows of a CSV file, without the empty ones.

    Raises:
        LabelError: If it cannot be read.
    """
    return rows_of(read_text(path), path)


def rows_of(text: str, path: Path) -> list[list[str]]:
    """The rows of a text in CSV, without the empty ones.

    Raises:
        LabelError: If it is none; the message names the file.
    """
    try:
        return [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except csv.Error as error:
        raise LabelError(f"{path} is not readable CSV ({error}).") from None


def read_json(path: Path) -> tuple[Any, frozenset[str]]:
    """The content of a JSON file, and the keys that some object of it has twice.

    Raises:
        LabelError: If it is not readable JSON.
    """
    doubled: set[str] = set()

    def as_mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        mapping = dict(pairs)
        if len(mapping) != len(pairs):
            seen: set[str] = set()
            doubled.update(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return mapping

    try:
        content = json.loads(decoded(file_bytes(path)), object_pairs_hook=as_mapping)
    except (ValueError, RecursionError) as error:
        raise LabelError(f"{path} is not readable JSON ({first_line(error)}).") from None
    return content, frozenset(doubled)


def read_yaml(path: Path) -> dict[str, yaml.Node]:
    """The fields of a YAML mapping as nodes: texts as they are written, aliases not expanded.

    YAML's own rules would turn class names such as `no`, `on` and `1` into other things.

    Raises:
        LabelError: If it is not a readable YAML mapping.
    """
    content = file_bytes(path)
    if len(content) > _MOST_YAML_BYTES:
        raise LabelError(f"{path} is not readable YAML ({len(content)} bytes are too many).")
    try:
        node = yaml.compose(decoded(content), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise LabelError(f"{path} is not readable YAML ({first_line(error)}).") from None
    if not isinstance(node, yaml.MappingNode):
        raise LabelError(f"{path} is not a YAML mapping.")
    return {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def read_xml(path: Path) -> Element:
    """The root of an XML file; tags and attributes in lower case, without namespaces.

    Raises:
        LabelError: If it is not readable XML.
    """
    content = file_bytes(path)
    try:
        root = _xml_root(content)
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise LabelError(f"{path} is not readable XML ({first_line(error)}).") from None
    for element in root.iter():
        element.tag = _local_name(element.tag)
        element.attrib = {_local_name(key): value for key, value in element.attrib.items()}
    return root


def _xml_root(content: bytes) -> Element:
    """Parse XML; where its encoding is declared wrongly, by the encoding that it shows."""
    # The expat of every Python we support (2.4.1 and later) bounds the expansion of entities.
    try:
        return ElementTree.fromstring(content.lstrip())  # noqa: S314
    except (ElementTree.ParseError, ValueError, LookupError):
        text = decoded(content).lstrip("\ufeff \t\r\n")
        if text.startswith("<?xml"):
            text = text.partition("?>")[2].lstrip()
        return ElementTree.fromstring(text)  # noqa: S314


def _local_name(name: str) -> str:
    return name.rpartition("}")[2].lower()


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its name where it has none."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__
