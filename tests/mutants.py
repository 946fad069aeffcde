"""Label files changed at random, and a judge of how the readers take them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from utils.errors import SpyglassError
from utils.images.files import upright_size
from utils.issues import IssueReport
from utils.scenes.options import SourceOptions
from utils.scenes.sources import open_source
from utils.scenes.usable import usable_labels

_TOKEN = re.compile(rb"-?\d+(?:\.\d+)?|\"[^\"]*\"|<[^>]*>|[A-Za-z_]+")
_STRANGE = (
    b"null", b"NaN", b"-1", b"0", b"1e999", b"9" * 400, b"[]", b"{}", b"[[[[1]]]]", b'""', b"true",
    b'"\\ud800"', b"\xff\xfe", b"\x00", b"\xc3\xa4", b"*a", b"&a", b"-.inf", b"<x/>", b"&e;", b",",
    b'"' + b"x" * 300 + b'"', b"../../..", b"C:\\a", b"%00", b"[" * 2000,
)  # fmt: skip


def mutated(content: bytes, chance: random.Random) -> bytes:
    """A label file with one to four changes: bytes, tokens, or whole parts of it."""
    for _ in range(chance.randint(1, 4)):
        content = chance.choice(_CHANGES)(content, chance)
    return content


def _flip(content: bytes, chance: random.Random) -> bytes:
    if not content:
        return b"\x00"
    place = chance.randrange(len(content))
    return content[:place] + bytes([chance.randrange(256)]) + content[place + 1 :]


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randint(0, len(content))]


def _part(content: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randint(0, len(content))
    return start, min(len(content), start + chance.choice((1, 10, 100, 1000)))


def _remove(content: bytes, chance: random.Random) -> bytes:
    start, end = _part(content, chance)
    return content[:start] + content[end:]


def _double(content: bytes, chance: random.Random) -> bytes:
    start, end = _part(content, chance)
    return content[:end] + content[start:]


def _replace_token(content: bytes, chance: random.Random) -> bytes:
    tokens = list(_TOKEN.finditer(content))
    if not tokens:
        return chance.choice(_STRANGE)
    token = chance.choice(tokens)
    return content[: token.start()] + chance.choice(_STRANGE) + content[token.end() :]


def _exchange_tokens(content: bytes, chance: random.Random) -> bytes:
    tokens = list(_TOKEN.finditer(content))
    if len(tokens) < 2:
        return content
    first, second = sorted(chance.sample(tokens, 2), key=lambda token: token.start())
    between = content[first.end() : second.start()]
    return content[: first.start()] + second[0] + between + first[0] + content[second.end() :]


def _recode(content: bytes, chance: random.Random) -> bytes:
    return content.decode("latin-1").encode(chance.choice(("utf-16", "utf-8-sig", "utf-32")))


_CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flip, _cut, _remove, _double, _replace_token, _replace_token, _exchange_tokens, _recode,
)  # fmt: skip


@dataclass(frozen=True)
class Specimen:
    """A source of which one file is changed.

    Attributes:
        kind: Kind of the source.
        folder: Its folder.
        file: The file that is changed.
        original: Its content.
        options: Further options of the source.
    """

    kind: str
    folder: Path
    file: Path
    original: bytes
    options: tuple[tuple[str, object], ...] = ()

    def outcome_of(self, content: bytes) -> str:
        """Whether the source is read or refused when the file has this content.

        Raises:
            Exception: Whatever a reader lets through that is no sentence to the user.
        """
        self.file.write_bytes(content)
        options = {"kind": self.kind, "path": self.folder, **dict(self.options)}
        try:
            _read(TypeAdapter(SourceOptions).validate_python(options))
        except SpyglassError as error:
            str(error).encode()
            return "refused"
        finally:
            self.file.write_bytes(self.original)
        return "read"


def _read(options: SourceOptions) -> None:
    """Read a source as an ingest does, and write what comes out."""
    report = IssueReport()
    source = open_source(options)
    json.dumps(list(source.class_names), ensure_ascii=False).encode()
    for scene in source.read(report):
        boxes, _, issues = usable_labels(scene, *upright_size(scene.path))
        report.extend(issues)
        if boxes is not None:
            assert np.isfinite(boxes.xyxy).all()
            assert all(boxes.labels)
            json.dumps(boxes.labels, ensure_ascii=False).encode()
        json.dumps([scene.id, scene.group], ensure_ascii=False).encode()
    json.dumps(report.to_rows(), ensure_ascii=False).encode()


def fates(specimen: Specimen, count: int, seed: int) -> Iterator[tuple[bytes, str]]:
    """Yield mutants of a specimen with `read`, `refused`, or the exception that came through."""
    chance = random.Random(seed)  # noqa: S311
    for _ in range(count):
        mutant = mutated(specimen.original, chance)
        try:
            yield mutant, specimen.outcome_of(mutant)
        except Exception as error:  # this is what is looked for
            yield mutant, f"{type(error).__name__}: {error!s:.200}"
