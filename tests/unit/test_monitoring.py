"""One look at the notes: by version, beside the reference, with alarms and a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pydantic import ValidationError

from commands.arguments import parse_arguments
from commands.requests import WatchPredictions
from commands.retraining.drift import DriftLook, drift_of
from tests.builders import boxes
from utils.dataset.labeled import LabeledTile
from utils.errors import ConfigurationError, DatasetError
from utils.geometry import Window
from utils.monitoring.journal import Dropped
from utils.monitoring.look import Reference, look
from utils.monitoring.monitoring import Monitoring
from utils.monitoring.notes import Note
from utils.monitoring.options import AlarmOptions, MonitoringOptions
from utils.monitoring.tables import SCHEMA, NoteRows, to_row
from utils.reports.monitoring_page import monitoring_page
from utils.serving.monitored import notes_of

NOW = 1_000_000.0
CLASSES = ("ship", "buoy")


def note(number: int, *, brightness: float = 0.5, **facts: object) -> Note:
    """A window with some ships; the quality differs from window to window."""
    random = np.random.default_rng(number)
    count = int(random.integers(1, 6))
    left, top = random.uniform(0, 600, (2, count))
    usual = Note(
        time=NOW - 5000 + number,
        id=f"{number}",
        route="/predict",
        request=f"{number}",
        model="ships",
        version="2",
        digest="d",
        milliseconds=20.0 + number % 10,
        image=f"{number:064x}",
        window=(0, 0, 640, 640),
        width=640,
        height=640,
        confidence=0.25,
        classes=tuple(CLASSES[int(one)] for one in random.integers(0, 2, count)),
        scores=tuple(random.uniform(0.3, 1, count).tolist()),
        boxes=tuple(
            (x, y, x + 30, y + 20) for x, y in zip(left.tolist(), top.tolist(), strict=True)
        ),
        brightness=brightness + float(random.normal(0, 0.05)),
        contrast=0.2 + float(random.normal(0, 0.02)),
        sharpness=0.1 + float(random.normal(0, 0.01)),
        outlier=float(random.uniform(0, 1)),
    )
    return replace(usual, **facts)  # type: ignore[arg-type]


def table(notes: Iterable[Note]) -> pa.Table:
    return pa.Table.from_pylist([to_row(one) for one in notes], schema=SCHEMA)


REFERENCE = Reference(table(note(number) for number in range(1000, 1200)), CLASSES)


def looked(notes: Iterable[Note], **more: object) -> Monitoring:
    rows = NoteRows(table(notes), Dropped())
    arguments = {"options": MonitoringOptions(), "now": NOW, **more}
    return look("ships", rows, lambda *_: REFERENCE, **arguments)  # type: ignore[arg-type]


def test_undrifted_notes_alarm_nobody() -> None:
    found = looked(note(number) for number in range(100))
    (version,) = found.versions
    assert (version.version, version.windows, version.compared) == ("2", 100, 100)
    assert (version.latency.requests, version.latency.p50) == (100, 24.5)
    assert (found.alarms, version.drifted) == ((), ())


def test_a_dark_day_is_drift_of_the_brightness() -> None:
    found = looked(note(number, brightness=0.2) for number in range(100))
    assert [alarm.rule for alarm in found.alarms] == ["drift: brightness"]
    assert "Brightness drifted" in found.alarms[0].sentence


def test_few_test_scenes_are_told_on_the_page_and_to_the_watch() -> None:
    scenes = [note(number, request=f"{number // 12}") for number in range(1000, 1048)]
    few = Reference(table(scenes), CLASSES)
    rows = NoteRows(table(note(number, brightness=0.45) for number in range(100)), Dropped())
    found = look("ships", rows, lambda *_: few, MonitoringOptions(), now=NOW)
    told = found.versions[0].verdict.sentence
    assert found.alarms == ()
    assert "no verdict" in told
    shown = monitoring_page(found)
    assert '<p class="warning">Version 2 (service): no' in shown
    assert "above 1" in shown
    assert drift_of(found, "2") == DriftLook(unseen=f"version 2 (service): {told}")
    assert drift_of(found, "3") == DriftLook()


def test_drift_of_what_was_answered_reaches_the_watch() -> None:
    notes = [note(number, brightness=0.2) for number in range(100)]
    assert (drift_of(looked(notes), "2").found or "").startswith("Brightness drifted")
    shadowed = [replace(one, role="shadow") for one in notes]
    assert drift_of(looked(shadowed), "2") == DriftLook()


def test_versions_roles_and_models_are_kept_apart() -> None:
    notes = [note(number) for number in range(30)]
    notes += [note(number, version="3", role="shadow", time=NOW) for number in range(30, 70)]
    notes += [note(number, model="cars") for number in range(70, 90)]
    notes += [note(number, source="inference", route="", digest="") for number in range(90, 95)]
    found = looked(notes)
    assert [(one.version, one.source, one.role, one.windows) for one in found.versions] == [
        ("3", "service", "shadow", 40),
        ("2", "inference", "champion", 5),
        ("2", "service", "champion", 30),
    ]


def test_windows_of_one_request_are_one_request_and_errors_count() -> None:
    notes = [note(number, request="same") for number in range(30)]
    failed: dict[str, Any] = {"window": None, "classes": (), "scores": (), "boxes": ()}
    notes += [note(number, status=503, **failed) for number in range(30, 34)]
    notes += [note(40, status=422, **failed)]
    options = MonitoringOptions(alarms=AlarmOptions(least_requests=5, p95_ms=10))
    found = looked(notes, options=options)
    latency = found.versions[0].latency
    assert (latency.requests, latency.errors, latency.refused) == (6, 4, 1)
    assert [alarm.rule for alarm in found.alarms] == ["p95_ms", "error_share"]


def test_windows_of_which_a_client_saw_fewer_objects_are_left_out() -> None:
    notes = [note(number) for number in range(60)]
    notes += [
        note(number, confidence=0.9, classes=(), scores=(), boxes=()) for number in range(60, 90)
    ]
    (version,) = looked(notes).versions
    assert (version.compared, version.left_out, version.drifted) == (60, 30, ())


def test_a_client_who_asks_for_faint_objects_makes_no_drift() -> None:
    faint = [
        replace(
            one,
            confidence=0.01,
            classes=(*one.classes, *["ship"] * 20),
            scores=(*one.scores, *[0.1] * 20),
            boxes=(*one.boxes, *[(0.0, 0.0, 5.0, 5.0)] * 20),
        )
        for one in map(note, range(100))
    ]
    assert looked(faint).alarms == ()


def test_a_version_that_was_packed_again_is_one_version() -> None:
    notes = [note(number) for number in range(30)]
    notes += [note(number, digest="e") for number in range(30, 60)]
    (version,) = looked(notes).versions
    assert (version.windows, version.digest) == (60, "e")


def test_a_version_without_a_reference_says_so() -> None:
    rows = NoteRows(table(map(note, range(30))), Dropped())
    told = Reference(problem="Version 2 has no bundle. Pack it.")
    found = look("ships", rows, lambda *_: told, MonitoringOptions(), now=NOW)
    assert found.versions[0].no_reference == "Version 2 has no bundle. Pack it."
    assert "Version 2 has no bundle. Pack it." in monitoring_page(found)


def tile(of: Note, labels: tuple[str, ...]) -> LabeledTile:
    window = Window(x=0, y=0, width=640, height=640)
    shapes = replace(boxes(*of.boxes), labels=labels)
    return LabeledTile("t" + of.id, f"sent/{of.image}.png", window, "", "", shapes, reviewed=True)


def test_reviews_tell_precision_recall_and_confusion() -> None:
    notes = [note(number) for number in range(40)]
    labels = [tile(one, one.classes) for one in notes[:20]]
    labels.append(replace(tile(notes[21], notes[21].classes), reviewed=False))
    (version,) = looked(notes, labels=labels).versions
    reviewed = version.reviewed
    assert reviewed is not None
    assert (reviewed.windows, reviewed.objects) == (20, sum(len(one.boxes) for one in notes[:20]))
    assert {name: value for name, (value, *_) in reviewed.metrics.items()} == {
        "precision": 1.0,
        "recall": 1.0,
        "F1": 1.0,
    }
    wrong = [tile(one, ("buoy",) * len(one.classes)) for one in notes[:20]]
    (version,) = looked(notes, labels=wrong).versions
    assert version.reviewed is not None
    assert version.reviewed.metrics["precision"][0] < 0.8
    low, high = version.reviewed.metrics["precision"][1:]
    assert low is not None
    assert high is not None
    assert low < version.reviewed.metrics["precision"][0] < high


def test_a_look_is_the_same_after_it_was_stored(tmp_path: Path) -> None:
    def picture(_: object) -> str:
        Image.new("RGB", (64, 64)).save(tmp_path / "a.jpg")
        return "a.jpg"

    notes = [note(number, brightness=0.1) for number in range(40)]
    found = looked(notes, pictures=picture, folder=tmp_path)
    found.save(tmp_path / "stored")
    again = Monitoring.load(tmp_path / "stored")
    assert replace(again, folder=found.folder) == found
    assert monitoring_page(again) == monitoring_page(found)
    (tmp_path / "stored" / "monitoring.json").write_text("{}")
    with pytest.raises(DatasetError, match="is damaged"):
        Monitoring.load(tmp_path / "stored")


def test_lost_and_left_out_notes_are_told_and_nothing_else() -> None:
    found = looked(note(number) for number in range(30))
    assert found.losses == []
    lost = replace(found, dropped=Dropped(torn=5), future=1200, damaged=("A table is damaged.",))
    assert lost.losses == [
        "Lines of the journals without a note, cut off by a kill or damaged: 5.",
        "Notes left out, since their time is yet to come (a clock was wrong): 1,200.",
        "A table is damaged.",
    ]
    assert all(sentence in monitoring_page(lost) for sentence in lost.losses)


def test_names_on_the_page_are_text() -> None:
    notes = [note(number, version="<b>7", image="<i>x</i>") for number in range(30)]
    shown = monitoring_page(looked(notes), refresh_s=30)
    assert "<b>7" not in shown
    assert "<i>x" not in shown
    assert '<meta http-equiv="refresh" content="30">' in shown


def test_without_notes_the_next_command_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPYGLASS_LOCAL", str(tmp_path))
    commands = r"run\.py --inference\n.*run\.py --deploy\n.*run\.py --undeploy"
    with pytest.raises(ConfigurationError, match=rf"(?s)No prediction of 'ships'.*{commands}"):
        notes_of("ships", 30, NOW)


def test_a_misspelt_key_names_the_nearest() -> None:
    with pytest.raises(ValidationError, match="did you mean 'false_alarms'"):
        MonitoringOptions.model_validate({"drift": {"false_alarm": 0.1}})


def test_watching_goes_with_monitor_and_with_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    requests = parse_arguments(["--monitor", "--watch", "--set", "monitoring.port=1"]).requests
    assert requests == (WatchPredictions(None, ("monitoring.port=1",)),)
    with pytest.raises(SystemExit):
        parse_arguments(["--monitor", "--feedback", "--watch"])
    assert "--watch goes alone, or with --monitor" in capsys.readouterr().err
