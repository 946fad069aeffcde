"""Notes as Parquet tables: closed journals become tables, each note once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from filelock import FileLock

from utils.errors import DatasetError
from utils.monitoring.journal import CURRENT, Dropped, count_dropped, files_of, read_dropped
from utils.monitoring.notes import Note
from utils.shapes.columns import BOXES
from utils.tables import STRINGS, Table, versioned_schema, write_table

_CLOCK_SECONDS = 300.0  # that the clocks of two machines may differ by
_SEAL_LOCK = ".tables.lock"
_FLOATS = pa.list_(pa.float64())

SCHEMA = versioned_schema(
    "notes",
    1,
    [
        ("time", pa.float64()),
        ("id", pa.string()),
        ("source", pa.string()),
        ("route", pa.string()),
        ("request", pa.string()),
        ("role", pa.string()),
        ("model", pa.string()),
        ("version", pa.string()),
        ("digest", pa.string()),
        ("backend", pa.string()),
        ("status", pa.int32()),
        ("milliseconds", pa.float64()),
        ("image", pa.string()),
        # Arrow cannot read a list of fixed length back that is null.
        ("window", pa.list_(pa.int64())),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("confidence", pa.float64()),
        ("classes", STRINGS),
        ("scores", _FLOATS),
        ("boxes", BOXES),
        ("brightness", pa.float64()),
        ("contrast", pa.float64()),
        ("sharpness", pa.float64()),
        ("outlier", pa.float64()),
    ],
)


def to_row(note: Note) -> dict[str, Any]:
    """A note as a row of `SCHEMA`."""
    return asdict(note)


def _to_note(row: dict[str, Any]) -> Note:
    return Note(**row).as_promised()


@dataclass(frozen=True)
class NoteTable(Table[Note]):
    """Notes in a Parquet file, in order of time."""

    schema: ClassVar[pa.Schema] = SCHEMA
    to_row = staticmethod(to_row)
    from_row = staticmethod(_to_note)


@dataclass(frozen=True, slots=True)
class NoteRows:
    """The notes of some folders.

    Attributes:
        table: The notes as columns of `SCHEMA`, each id once, in order of time.
        dropped: Counts of the notes that are not there any more, or never were.
        damaged: Tables that cannot be read, with the reason.
        future: Number of notes that were left out, since their time is yet to come.
    """

    table: pa.Table
    dropped: Dropped
    damaged: tuple[str, ...] = ()
    future: int = 0

    def __iter__(self) -> Iterator[Note]:
        """Yield the notes in order of time."""
        return notes_in(self.table)

    def __len__(self) -> int:
        """The number of notes."""
        return int(self.table.num_rows)


def notes_in(table: pa.Table) -> Iterator[Note]:
    """Yield the notes in a table with the columns of `SCHEMA`."""
    for batch in table.to_batches(max_chunksize=1000):
        yield from map(_to_note, batch.to_pylist())


def seal_notes(folder: Path) -> None:
    """Make each closed journal of a folder a table; a second call changes nothing.

    A table is written aside and renamed before its journal is removed, so that a kill between both
    leaves a journal whose table is there already.

    Args:
        folder: Folder of notes, which may be missing.
    """
    if not folder.is_dir():
        return
    with FileLock(folder / _SEAL_LOCK):
        for file in files_of(folder, ".ndjson"):
            if not (table := file.with_suffix(".parquet")).exists():
                _seal(file, table)
            file.unlink(missing_ok=True)


def _seal(file: Path, path: Path) -> None:
    with suppress(FileNotFoundError):  # dropped meanwhile, as the oldest
        notes, torn = _notes_of(file)
        write_table(path, SCHEMA, map(to_row, _unknown(notes, file.parent)))
        count_dropped(file.parent, torn=torn)


def _unknown(notes: Sequence[Note], folder: Path) -> list[Note]:
    """The notes that no table of a folder has yet, each once, in order of time."""
    ids = pa.array([note.id for note in notes], pa.string())
    known: set[str] = set()
    for table in files_of(folder, ".parquet"):
        with suppress(pa.ArrowException, OSError):  # a damaged one is told of by `read_notes`
            column = pq.read_table(table, columns=["id"])["id"]
            known.update(ids.filter(pc.is_in(ids, value_set=column.combine_chunks())).to_pylist())
    new = {note.id: note for note in notes if note.id not in known}
    return sorted(new.values(), key=lambda note: note.time)


def _notes_of(file: Path) -> tuple[list[Note], int]:
    """The notes of a journal, and the number of its lines without one."""
    notes, torn = [], 0
    for line in file.read_bytes().splitlines():
        try:
            notes.append(Note.of_line(line))
        except ValueError:
            torn += 1
    return notes, torn


def read_notes(folders: Sequence[Path], *, since: float = 0.0) -> NoteRows:
    """The notes of some folders, those of the open journals among them.

    Notes with a time in the future, by a clock that was wrong, would be the newest for long: they
    are left out, and counted.

    Args:
        folders: Folders of notes; missing ones have none.
        since: Time from which notes are wanted, in seconds since 1970.
    """
    parts: list[pa.Table] = []
    damaged, dropped = [], Dropped()
    for folder in folders:
        # First the open journal: what is closed meanwhile is found twice, and not never.
        notes, torn = _open_notes(folder)
        seal_notes(folder)
        dropped += read_dropped(folder) + Dropped(torn=torn)
        for path in files_of(folder, ".parquet"):
            try:
                parts.append(_read(path, since))
            except DatasetError as error:
                damaged.append(str(error))
        rows = [to_row(note) for note in notes if note.time >= since]
        parts.append(pa.Table.from_pylist(rows, schema=SCHEMA))
    table = _each_once(pa.concat_tables(parts) if parts else SCHEMA.empty_table())
    known = table.filter(pc.less_equal(table["time"], time.time() + _CLOCK_SECONDS))
    return NoteRows(known, dropped, tuple(damaged), table.num_rows - known.num_rows)


def _open_notes(folder: Path) -> tuple[list[Note], int]:
    try:
        return _notes_of(folder / CURRENT)
    except FileNotFoundError:
        return [], 0


def _read(path: Path, since: float) -> pa.Table:
    """The rows of a table from a time on.

    Raises:
        DatasetError: If it is damaged, or of another version of Spyglass.
    """
    try:
        table = pq.read_table(path, filters=[("time", ">=", since)])
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:100]
        raise DatasetError(
            f"The notes in {path} are left out: the table is damaged ({reason}). Remove it to be "
            "told no more."
        ) from None
    if table.schema.metadata != SCHEMA.metadata:
        raise DatasetError(
            f"The notes in {path} are left out: another version of Spyglass wrote them. Remove "
            "the table to be told no more."
        )
    return table.cast(SCHEMA)


def _each_once(table: pa.Table) -> pa.Table:
    """The rows in order of time; of rows with the same id, the first."""
    table = table.take(pc.sort_indices(table, [("time", "ascending")]))
    numbered = table.append_column("_row", pa.array(range(table.num_rows), pa.int64()))
    first = numbered.group_by("id").aggregate([("_row", "min")])["_row_min"]
    return table.take(first.take(pc.sort_indices(first)))
