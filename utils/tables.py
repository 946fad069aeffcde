"""Tables of records as Parquet files with a fixed, versioned schema, streamed by row group.

Neither reading nor writing holds more than one row group in memory, whatever the number of rows. A
group ends before it has too many rows or too much in them: one row may list thousands of boxes.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from utils.errors import DatasetError
from utils.files import written_whole

ROWS_PER_GROUP = 1000
# Boxes with their labels and scores, for instance, count three times; 30 MB of Python objects.
ITEMS_PER_GROUP = 300_000
_LONGEST_REASON = 100
_FORMAT_KEY = b"spyglass.format"
_CLASSES_KEY = b"spyglass.class_names"
_FOOTER = b"spyglass.footer."

STRINGS = pa.list_(pa.string())


Record = TypeVar("Record")


@dataclass(frozen=True)
class Table(Generic[Record]):
    """Records in a Parquet file that also names the classes of its labels; rows are streamed.

    A kind of table has a `schema` from `versioned_schema` and two functions that turn a record into
    a row and back. One that can also make records of the rows of earlier versions names the
    `oldest_version` of them.

    Attributes:
        path: The file.
    """

    path: Path

    schema: ClassVar[pa.Schema]
    oldest_version: ClassVar[int | None] = None
    to_row: ClassVar[Any]
    from_row: ClassVar[Any]

    @classmethod
    def write(
        cls,
        path: Path,
        class_names: Iterable[str],
        records: Iterable[Record],
        footer: Mapping[str, str] | None = None,
        *,
        synced: bool = True,
    ) -> Self:
        """Write records, in the order given, to `path`, whole or not at all.

        Args:
            path: Destination.
            class_names: The classes of the labels; their order gives each its index.
            records: Consumed once, as a stream.
            footer: Further facts about the whole table, read again by `footer`.
            synced: Whether a power cut leaves it whole; see `written_whole`.
        """
        schema = _with_footer(with_class_names(cls.schema, class_names), footer or {})
        rows = (cls.to_row(record) for record in records)
        write_table(path, schema, rows, synced=synced)
        return cls(path)

    @classmethod
    def merge(cls, path: Path, tables: Sequence[Self], key: Callable[[Record], str]) -> Self:
        """Write one table of several, whole or not at all; no table is ever whole in memory.

        Args:
            path: Destination.
            tables: Each in order of `key`; classes that are not the same in all are sorted, and
                facts in the footer that are not the same in all are left out.
            key: Sort key of the result.
        """
        common = dict(set.intersection(*(set(table.footer.items()) for table in tables)))
        return cls.write(path, _merged(tables), heapq.merge(*tables, key=key), footer=common)

    def __iter__(self) -> Iterator[Record]:
        """Yield the records in order.

        Raises:
            DatasetError: If the file is of another kind or version.
        """
        rows = read_table(self.path, self.schema, oldest_version=self.oldest_version)
        return (self.from_row(row) for row in rows)

    def __len__(self) -> int:
        """The number of records."""
        return count_rows(self.path)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes of the labels, in the order that gives each its index."""
        return read_class_names(self.path)

    @property
    def footer(self) -> dict[str, str]:
        """The further facts about the whole table that it was written with."""
        return {
            key.removeprefix(_FOOTER).decode(): value.decode()
            for key, value in _metadata(self.path).items()
            if key.startswith(_FOOTER)
        }


def _merged(tables: Sequence[Table[Any]]) -> list[str]:
    """The classes of several tables together."""
    lists = {table.class_names for table in tables}
    if len(lists) == 1:
        return list(lists.pop())
    return sorted({name for names in lists for name in names})


def versioned_schema(
    name: str, version: int, fields: Iterable[tuple[str, pa.DataType]]
) -> pa.Schema:
    """A schema that names its kind of table and version, for instance `tile_manifest/1`."""
    return pa.schema(list(fields), metadata={_FORMAT_KEY: f"{name}/{version}".encode()})


def with_class_names(schema: pa.Schema, class_names: Iterable[str]) -> pa.Schema:
    """The schema with class names in its metadata; their order gives each class its index."""
    return schema.with_metadata(
        schema.metadata | {_CLASSES_KEY: json.dumps(list(class_names)).encode()}
    )


def _with_footer(schema: pa.Schema, footer: Mapping[str, str]) -> pa.Schema:
    named = {_FOOTER + key.encode(): value.encode() for key, value in sorted(footer.items())}
    return schema.with_metadata(schema.metadata | named)


def read_class_names(path: Path) -> tuple[str, ...]:
    """The class names in the footer of a table written with `with_class_names`, in order."""
    return tuple(json.loads(_metadata(path).get(_CLASSES_KEY, b"[]")))


def write_table(
    path: Path, schema: pa.Schema, rows: Iterable[Mapping[str, Any]], *, synced: bool = True
) -> int:
    """Write rows to a Parquet file, whole or not at all.

    Args:
        path: Destination.
        schema: From `versioned_schema`; every row has exactly its fields.
        rows: Consumed once, a group of at most `ROWS_PER_GROUP` at a time.
        synced: Whether a power cut leaves it whole; see `written_whole`.

    Returns:
        The number of rows written.
    """
    count = 0
    with (
        written_whole(path, synced=synced) as partial,
        pq.ParquetWriter(partial, schema, compression="zstd") as writer,
    ):
        for group in _groups(rows):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
            count += len(group)
    return count


def _groups(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Yield rows in lists that are neither too long nor list too much."""
    group: list[Mapping[str, Any]] = []
    items = 0
    for row in rows:
        group.append(row)
        items += sum(len(value) for value in row.values() if isinstance(value, list | tuple))
        if len(group) == ROWS_PER_GROUP or items >= ITEMS_PER_GROUP:
            yield group
            group, items = [], 0
    if group:
        yield group


def read_table(
    path: Path, schema: pa.Schema, *, oldest_version: int | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file written with `schema`, one row group in memory at a time.

    Args:
        path: The file.
        schema: From `versioned_schema`.
        oldest_version: Oldest version of the schema that may be read; by default only its own.

    Raises:
        DatasetError: If the file is damaged, or of another kind or version.
    """
    with damage_explained(path), pq.ParquetFile(path) as table:
        found = (table.schema_arrow.metadata or {}).get(_FORMAT_KEY, b"none")
        wanted = schema.metadata[_FORMAT_KEY]
        if found not in {wanted, *_earlier(wanted, oldest_version)}:
            raise DatasetError(
                f"{path} holds a table of format '{found.decode()}' where "
                f"'{wanted.decode()}' is needed. "
                "Make it again with this version of Spyglass."
            )
        for group in range(table.num_row_groups):
            yield from table.read_row_group(group).to_pylist()


def _earlier(wanted: bytes, oldest_version: int | None) -> Iterator[bytes]:
    """The formats of earlier versions."""
    name, _, version = wanted.partition(b"/")
    if oldest_version is not None:
        yield from (b"%s/%d" % (name, number) for number in range(oldest_version, int(version)))


def count_rows(path: Path) -> int:
    """The number of rows of a Parquet file, from its footer.

    Raises:
        DatasetError: If the file is damaged.
    """
    with damage_explained(path):
        return int(pq.read_metadata(path).num_rows)


def _metadata(path: Path) -> dict[bytes, bytes]:
    with damage_explained(path):
        return pq.read_schema(path).metadata or {}


@contextmanager
def damage_explained(path: Path) -> Iterator[None]:
    """Say that a table cannot be read, and what to do.

    Raises:
        DatasetError: In place of Arrow's error in the block, which nothing else reports.
    """
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise DatasetError(
            f"The table {path} is damaged ({' '.join(str(error).split())[:_LONGEST_REASON]}). "
            "Make it again with the command that made it: --ingest for tiles, --export for labels, "
            "--inference for predictions."
        ) from error
