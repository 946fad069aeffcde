"""Datasets in formats that Datumaro reads, converted by the real Datumaro."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import write_image
from tests.unit.scenes.reading import read
from utils.errors import SourceError

pytestmark = pytest.mark.slow  # its environment of 470 MB is installed on first use


def write_kitti(folder: Path) -> None:
    for name, label in (("000000", "Car"), ("000001", "Van")):
        write_image(folder / "training" / "image_2" / f"{name}.png", 200, 100)
        labels = folder / "training" / "label_2" / f"{name}.txt"
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text(f"{label} 0.00 0 -1.57 20.0 30.0 60.0 50.0 1 1 1 1 1 1 1 0.9\n")


def test_boxes_of_kitti_come_back_and_are_converted_once(local_state, tmp_path):
    write_kitti(tmp_path / "kitti")
    for _ in range(2):
        reading = read("datumaro", path=tmp_path / "kitti", format="kitti_detection")
        assert reading.labels(0) == ("Car",)
        assert reading.boxes(0) == [[20, 30, 60, 50]]
        assert reading.lost == (0, 0)


def test_a_format_is_found_refused_or_asked_for(local_state, tmp_path):
    write_image(tmp_path / "plain" / "a.png", 20, 10)
    for form in ("cifar", "kiti"):
        with pytest.raises(SourceError, match=f"format '{form}' is none"):
            read("datumaro", path=tmp_path / "plain", format=form)
    with pytest.raises(SourceError, match=r"--set source\.format=FORMAT"):
        read("datumaro", path=tmp_path / "plain")
