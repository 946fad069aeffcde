"""Notes of predictions: each is kept once, whole after a kill, and all are bounded in bytes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import full_disk
from utils.monitoring.journal import (
    CURRENT,
    Journal,
    count_dropped,
    files_of,
    noted_in,
    read_dropped,
)
from utils.monitoring.notes import Note
from utils.monitoring.tables import NoteTable, read_notes, seal_notes
from utils.serving.service.limits import Limits
from utils.serving.service.noting import Noting

_FLOATS = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
_TEXTS = st.text(max_size=12)


@st.composite
def notes_of_windows(draw: st.DrawFn) -> Note:
    count = draw(st.integers(0, 4))

    def lists(values: st.SearchStrategy[Any]) -> tuple[Any, ...]:
        return tuple(draw(st.lists(values, min_size=count, max_size=count)))

    return Note(
        time=draw(st.floats(1, 1.7e9)),
        id=draw(st.uuids()).hex,
        model=draw(_TEXTS),
        status=draw(st.sampled_from([200, 422, 503])),
        window=draw(st.none() | st.just((3, 4, 640, 480))),
        classes=lists(_TEXTS),
        scores=lists(st.floats(0, 1)),
        boxes=lists(st.tuples(_FLOATS, _FLOATS, _FLOATS, _FLOATS)),
        brightness=draw(st.none() | st.floats(0, 1)),
    )


def note(number: int, **facts: object) -> Note:
    return replace(Note(time=1000.0 + number, id=f"note-{number}"), **facts)  # type: ignore[arg-type]


def ids(folder: Path) -> list[str]:
    return [one.id for one in read_notes([folder])]


@given(notes_of_windows())
def test_a_note_is_the_same_after_a_line(one: Note) -> None:
    assert Note.of_line(one.line()) == one


@settings(deadline=None, max_examples=30)
@given(st.lists(notes_of_windows(), max_size=6, unique_by=lambda one: one.id))
def test_a_note_is_the_same_after_a_table(some: Sequence[Note]) -> None:
    with TemporaryDirectory() as folder:
        journal = Journal(Path(folder))
        journal.append(some)
        journal.seal()
        found = list(read_notes([Path(folder)]))
    assert found == sorted(some, key=lambda one: one.time)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_kill_at_any_byte_costs_the_note_being_written_and_no_other(data: st.DataObject) -> None:
    before, cut_off, after = note(1), note(2, classes=("ship",), scores=(0.5,)), note(3)
    cut_off = replace(cut_off, boxes=((1.0, 2.0, 3.0, 4.0),))
    kept = data.draw(st.integers(0, len(cut_off.line()) - 1))
    with TemporaryDirectory() as name:
        folder = Path(name)
        Journal(folder).append([before])
        with (folder / CURRENT).open("ab") as journal:
            journal.write(cut_off.line()[:kept])
        Journal(folder).append([after])
        found = read_notes([folder])
        # Only the newline may be missing of a note that is whole.
        is_whole = kept == len(cut_off.line()) - 1
        assert [one.id for one in found] == [
            "note-1",
            *(["note-2"] if is_whole else []),
            "note-3",
        ]
        assert found.dropped.torn == (kept > 0 and not is_whole)


def test_notes_are_sealed_once_although_sealed_twice(tmp_path: Path) -> None:
    Journal(tmp_path).append([note(1), note(2)])
    Journal(tmp_path).seal()
    seal_notes(tmp_path)
    (table,) = files_of(tmp_path)
    content = table.read_bytes()
    seal_notes(tmp_path)
    assert (files_of(tmp_path), table.read_bytes()) == ([table], content)
    assert [one.id for one in NoteTable(table)] == ["note-1", "note-2"]


def test_a_kill_between_table_and_removal_of_its_journal_doubles_no_note(tmp_path: Path) -> None:
    Journal(tmp_path).append([note(1)])
    Journal(tmp_path).seal()
    (journal,) = files_of(tmp_path)
    content = journal.read_bytes()
    seal_notes(tmp_path)
    journal.write_bytes(content)  # as if the kill had come before the removal
    assert ids(tmp_path) == ["note-1"]
    assert not journal.exists()


def test_a_note_that_was_written_twice_counts_once(tmp_path: Path) -> None:
    Journal(tmp_path).append([note(1), note(1)])
    assert ids(tmp_path) == ["note-1"]
    Journal(tmp_path).seal()
    Journal(tmp_path).append([note(1), note(2)])
    assert ids(tmp_path) == ["note-1", "note-2"]
    Journal(tmp_path).seal()
    assert ids(tmp_path) == ["note-1", "note-2"]


def test_the_journal_rotates_and_the_oldest_notes_are_dropped_and_counted(tmp_path: Path) -> None:
    size = len(note(1).line())
    journal = Journal(tmp_path, seal_bytes=10 * size, most_bytes=35 * size)
    for number in range(100):
        journal.append([note(number)])
    found = ids(tmp_path)
    assert found == [f"note-{number}" for number in range(100 - len(found), 100)]
    assert read_dropped(tmp_path).notes == 100 - len(found)
    assert 20 <= len(found) < 50


def test_a_journal_is_closed_by_its_age(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append([note(1)])  # long ago
    (closed,) = files_of(tmp_path)
    assert (noted_in(closed), (tmp_path / CURRENT).exists()) == (1, False)


def test_a_damaged_table_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    for number in (1, 2):
        Journal(tmp_path).append([note(number)])
    seal_notes(tmp_path)
    damaged, _ = files_of(tmp_path)
    damaged.write_bytes(damaged.read_bytes()[:-20])
    found = read_notes([tmp_path])
    assert [one.id for one in found] == ["note-2"]
    (told,) = found.damaged
    assert str(damaged) in told
    assert "damaged" in told


def test_a_full_disk_costs_notes_and_no_answer(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.touch()  # no folder can be made here
    journal = Journal(folder)
    assert not journal.append([note(1), note(2)])
    assert journal.unwritten == 2
    folder.unlink()
    assert journal.append([note(3)])
    assert read_dropped(folder).unwritten == 2


def test_notes_from_the_future_are_left_out_and_counted(tmp_path: Path) -> None:
    now = time.time()
    Journal(tmp_path).append([note(1), note(2, time=now + 20), note(3, time=now + 400 * 86_400)])
    for _ in range(2):  # from the journal, then from its table
        found = read_notes([tmp_path])
        assert ([one.id for one in found], found.future) == (["note-1", "note-2"], 1)
        Journal(tmp_path).seal()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b'{"time":1}',
        b'{"time":1,"id":"a","scores":[1]}',
        b'{"time":1,"id":"a","window":3}',
    ],
)
def test_a_line_that_is_no_note_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Note.of_line(line)


# Counts of so many digits need a larger file than a note, and so fail first on a full disk.
_LONG = 10**2000
_ROOM = 1500


def test_a_count_that_cannot_be_written_costs_no_note_and_waits(tmp_path: Path) -> None:
    journal = Journal(tmp_path, unwritten=_LONG)
    with full_disk(_ROOM):
        assert journal.append([note(1)])
    assert (journal.unwritten, read_dropped(tmp_path).unwritten) == (_LONG, 0)
    assert journal.append([note(2)])
    assert (journal.unwritten, read_dropped(tmp_path).unwritten) == (0, _LONG)
    assert ids(tmp_path) == ["note-1", "note-2"]


def test_notes_that_are_dropped_on_a_full_disk_are_counted_later(tmp_path: Path) -> None:
    journal = Journal(tmp_path, most_bytes=1)
    count_dropped(tmp_path, torn=_LONG)
    with full_disk(_ROOM):
        assert journal.append([note(1)])  # closed by its age, and dropped at once
    assert read_dropped(tmp_path).notes == 0
    journal.append([note(2)])
    assert (read_dropped(tmp_path).notes, journal.unwritten) == (2, 0)


def test_a_picture_that_cannot_be_counted_costs_no_answer_and_is_counted_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, file = tmp_path / "notes", tmp_path / "image.png"
    noting = Noting(folder, Limits(pictures_bytes=1 << 20), "images")
    count_dropped(folder, torn=_LONG)
    file.write_bytes(bytes((1 << 20) - 1))
    with full_disk(_ROOM):
        for name in "abc":
            noting.keep_picture({"file": str(file)}, {"image": name, "suffix": "png"})
    assert read_dropped(folder).images == 0
    assert "A picture cannot be kept or counted" in caplog.text
    noting.keep_picture({"file": str(file)}, {"image": "d", "suffix": "png"})
    assert read_dropped(folder).images == 3
