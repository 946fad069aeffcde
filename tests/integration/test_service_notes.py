"""The service notes every prediction once, whatever ends it, and never in an answer's way."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.fixtures.services import Service, served, wait_for
from tests.fixtures.spots import png, scattered_cells, spots
from utils.monitoring.notes import Note
from utils.monitoring.tables import read_notes
from utils.paths import PROJECT_ROOT

SIDE = 16 + 48 * 20
CELLS = scattered_cells(SIDE, SIDE, 400)


@pytest.fixture
def image(tmp_path) -> Path:
    return png(spots(64, 64, [(1, 2, "ship"), (5, 5, "buoy")]), tmp_path / "image.png")


def notes_of(service: Service, image: str) -> list[Note]:
    """The notes of an image or a scene."""
    return [note for note in read_notes([service.state / "notes"]) if note.image == image]


def fresh(image: Path, number: int) -> bytes:
    """The bytes of an image that no other test sends: PNG readers pass over what follows it."""
    return image.read_bytes() + number.to_bytes(4, "big") + os.urandom(8)


def test_a_prediction_is_noted_once_with_what_was_found(service, image) -> None:
    content = fresh(image, 1)
    answer = service.predict(content)
    assert answer.status == 200
    (note,) = notes_of(service, hashlib.sha256(content).hexdigest())
    objects = answer.json["objects"]
    assert list(note.classes) == [one["class"] for one in objects]
    assert [list(box) for box in note.boxes] == [one["box"] for one in objects]
    assert np.allclose(note.scores, [one["score"] for one in objects], atol=1e-5)
    assert (note.source, note.route, note.role, note.status) == (
        *("service", "/predict", "champion", 200),
    )
    ready = service.get("/readyz").json
    assert (note.model, note.version, note.digest) == (
        *(ready["model"], ready["version"], ready["digest"]),
    )
    assert (note.window, note.width, note.height) == ((0, 0, 64, 64), 64, 64)
    assert note.milliseconds >= answer.json["milliseconds"]
    assert note.brightness == pytest.approx(spots(64, 64, [(1, 2, "ship")]).mean() / 255, abs=0.05)
    assert None not in (note.contrast, note.sharpness)


def test_a_large_image_is_noted_window_by_window(service, tmp_path) -> None:
    content = fresh(png(spots(112, 64, [(1, 2, "ship")]), tmp_path / "wide.png"), 2)
    service.predict(content)
    notes = notes_of(service, hashlib.sha256(content).hexdigest())
    assert [note.window for note in notes] == [(0, 0, 64, 64), (48, 0, 64, 64)]
    assert [len(note.classes) for note in notes] == [1, 0]
    assert len({note.request for note in notes}) == 1
    assert len({note.id for note in notes}) == 2


def test_each_image_of_a_batch_is_noted_and_a_refusal_too(service, image) -> None:
    before = len(read_notes([service.state / "notes"]))
    parts = [fresh(image, 3), b"no image"]
    form = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        + part
        + b"\r\n"
        for part in parts
    )
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert service.ask("POST", "/predict/batch", form + b"--x--\r\n", kind).status == 200
    new = list(read_notes([service.state / "notes"]))[before:]
    assert sorted((note.route, note.status) for note in new) == [
        ("/predict/batch", 200),
        ("/predict/batch", 415),
    ]


def test_an_image_that_does_not_decode_is_noted_as_an_error(service, image) -> None:
    before = len(read_notes([service.state / "notes"]))
    assert service.predict(image.read_bytes()[:60]).status == 422
    (note,) = list(read_notes([service.state / "notes"]))[before:]
    assert (note.status, note.window, note.classes) == (422, None, ())


def test_options_of_a_client_do_not_hide_classes_from_the_notes(service, image) -> None:
    content = fresh(image, 4)
    service.predict(content, "?classes=buoy&confidence=0.25")
    (note,) = notes_of(service, hashlib.sha256(content).hexdigest())
    assert (sorted(note.classes), note.confidence) == (["buoy", "ship"], 0.25)


def test_a_killed_service_keeps_the_notes_of_every_answer(spots_bundle, image, tmp_path) -> None:
    state, sent = tmp_path / "state", []
    for number in range(2):
        with served(spots_bundle().folder, state) as service:
            for _ in range(5):
                sent.append(fresh(image, number))
                assert service.predict(sent[-1]).status == 200
            service.kill()
    found = read_notes([state / "notes"])
    assert [note.image for note in found] == [hashlib.sha256(one).hexdigest() for one in sent]
    assert found.dropped.torn == 0


def test_each_window_of_a_scene_is_noted_once_although_it_is_killed(spots_bundle, tmp_path) -> None:
    scene = png(spots(SIDE, SIDE, CELLS), tmp_path / "scene.png")
    state = tmp_path / "state"
    with served(spots_bundle().folder, state) as service:
        kind = {"Content-Type": "application/octet-stream"}
        job = service.ask("POST", "/scenes", scene.read_bytes(), kind).json["id"]
        (worker,) = wait_for(lambda: service.children_running("scene_worker"))
        wait_for(lambda: service.get(f"/scenes/{job}").json.get("windows_done"))
        os.kill(worker, signal.SIGKILL)
        # As if the kill had come after a row was noted and before it was done.
        current = state / "notes" / "current.ndjson"
        last = current.read_bytes().splitlines()[-1]
        with current.open("ab") as journal:
            journal.write(last + b"\n" + last[:100])
        wait_for(lambda: service.get(f"/scenes/{job}").json["state"] == "done")
        found = read_notes([state / "notes"])
    assert len({note.window for note in found}) == len(found) == 400
    assert {(note.route, note.image, note.request) for note in found} == {("/scenes", job, job)}
    assert json.loads(last)["id"] in {note.id for note in found}


@pytest.mark.parametrize("keep", ["thumbnails", "images"])
def test_pictures_are_kept_where_they_are_asked_for(spots_bundle, tmp_path, keep) -> None:
    large = png(spots(1024, 512, [(1, 2, "ship")]), tmp_path / "large.png")
    with served(spots_bundle().folder, tmp_path / "state", "--keep", keep) as service:
        assert service.predict(large).status == 200
        assert service.predict(b"no image").status == 415
        assert service.predict(large, "", accept="application/geo+json").status == 422
        (kept,) = (service.state / "notes" / "images").iterdir()
        name = hashlib.sha256(large.read_bytes()).hexdigest()
        if keep == "images":
            assert (kept.name, kept.read_bytes()) == (f"{name}.png", large.read_bytes())
        else:
            assert kept.name == f"{name}.jpg"
            with Image.open(kept) as picture:
                assert (picture.format, picture.size) == ("JPEG", (256, 128))
        assert not list((service.state / "incoming").iterdir())


def test_nothing_is_kept_by_default(service, image) -> None:
    service.predict(fresh(image, 5))
    assert not (service.state / "notes" / "images").exists()


def test_metrics_tell_of_windows_outliers_and_drift(service, image) -> None:
    service.predict(fresh(image, 6))
    told = {
        "version": "1",
        "role": "champion",
        "windows": 60,
        "quantities": {
            "objects": {"ks": 0.5, "wasserstein": 1.5, "found": True},
            "score": {"ks": 0.5, "wasserstein": 1.5, "found": False, "judged": False},
        },
    }
    drift = service.state / "notes" / "drift.json"
    drift.write_text(json.dumps({"alarms": 1, "versions": [told]}))
    page = service.get("/metrics").body.decode()
    drift.unlink()
    assert_dashboard_names(page)
    assert (
        'spyglass_drift{distance="ks",quantity="objects",role="champion",version="1"} 0.5' in page
    )
    assert 'spyglass_drifted{role="champion",version="1"} 1.0' in page
    assert 'spyglass_drift_unjudged{role="champion",version="1"} 1.0' in page
    assert "spyglass_alarms 1.0" in page
    assert 'spyglass_image_quality{measure="brightness"}' in page
    assert "spyglass_window_objects_bucket" in page
    assert 'spyglass_notes_lost{reason="unwritten"} 0.0' in page


def assert_dashboard_names(page: str) -> None:
    """Make sure that each metric of the Grafana dashboard is one that the service tells."""
    board = json.loads((PROJECT_ROOT / "deployment" / "grafana" / "dashboard.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    names = {name for expression in asked for name in re.findall(r"spyglass_\w+", expression)}
    told = set(re.findall(r"^(spyglass_\w+)", page, re.MULTILINE))
    assert names
    assert names <= told
    labels = {pair for expression in asked for pair in re.findall(r"by \((\w+)\)", expression)}
    assert labels <= {"le", "status", "class_name", "state"}
