"""Areas that a file declares as missing are known before a window is looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import utils.images.missing as missing_module
from tests.unit.images.rasters import TILED, texture, write_pages, write_tiff
from utils.geometry import BoolArray, spans
from utils.images.missing import MASK_NOT_USED, declares_missing, missing_mask
from utils.images.options import PixelOptions
from utils.issues import Issue
from utils.scenes import coverage as coverage_module
from utils.scenes.coverage import COVERED, WITHOUT_DATA, Coverage, coverage_of
from utils.scenes.noted import image_issues
from utils.scenes.scene import Scene

WIDTH, HEIGHT = 96, 80
COLUMNS, ROWS = spans(WIDTH, 16, 0), spans(HEIGHT, 16, 0)


def collar() -> BoolArray:
    """The corner that a turned scene leaves, true where there is no data."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return x + y < 60


def coverage(path: Path, **fields: Any) -> Coverage:
    return coverage_of(Scene("port/a.tif", path, **fields), WIDTH, HEIGHT, PixelOptions())


def expected(missing: BoolArray) -> list[int]:
    return [
        WITHOUT_DATA if missing[y : y + h, x : x + w].all() else COVERED
        for y, h in ROWS
        for x, w in COLUMNS
    ]


def declared(kind: str, path: Path, missing: BoolArray) -> Path:
    pixels = texture().clip(1)
    mask = np.where(missing, 0, 255).astype(np.uint8)
    if kind == "mask":
        return write_tiff(path, pixels, mask=mask)
    if kind == "alpha":
        return write_tiff(
            path, np.concatenate([pixels, mask[None]]), photometric="RGB", alpha="yes"
        )
    if kind == "not a number":
        return write_tiff(path, np.where(missing, np.nan, pixels).astype(np.float32))
    if kind == "mask beside":
        write_tiff(path.with_name(f"{path.name}.msk"), mask[None])
        return write_tiff(path, pixels)
    return write_tiff(path, np.where(missing, 0, pixels).astype(np.uint8), nodata=0, **TILED)


KINDS = ["nodata", "mask", "alpha", "not a number", "mask beside"]


@pytest.mark.parametrize("kind", KINDS)
def test_windows_of_nothing_but_missing_pixels_are_passed_over(tmp_path, kind):
    path = declared(kind, tmp_path / "a.tif", collar())
    found = coverage(path).windows(COLUMNS, ROWS)
    assert found.tolist() == expected(collar())
    assert WITHOUT_DATA in found
    assert np.array_equal(missing_mask(path), collar())


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_that_touch_the_edge_of_a_missing_area_are_marked(tmp_path, kind):
    found = coverage(declared(kind, tmp_path / "a.tif", collar()))
    found.windows(COLUMNS, ROWS)
    rows = np.array([[32, 26, 40, 34], [50, 50, 60, 60], [31.5, 31.5, 40, 40], [88, 0, 96, 9]])
    assert found.at_edge(rows).tolist() == [True, False, True, False]


def test_single_dark_pixels_of_the_nodata_value_are_no_edge(tmp_path):
    missing = collar()
    missing[60:64, 60:64] = True
    missing[::9, 80] = True
    found = coverage(declared("nodata", tmp_path / "a.tif", missing))
    found.windows(COLUMNS, ROWS)
    rows = np.array([[58, 58, 66, 66], [75, 40, 90, 60], [30, 20, 40, 30]], dtype=float)
    assert found.at_edge(rows).tolist() == [False, False, True]


def test_a_narrow_frame_of_missing_pixels_is_an_edge(tmp_path):
    missing = np.zeros((HEIGHT, WIDTH), dtype=bool)
    missing[:, :3] = True
    missing[-2:] = True
    found = coverage(declared("nodata", tmp_path / "a.tif", missing))
    found.windows(COLUMNS, ROWS)
    rows = np.array([[4, 30, 12, 40], [10, 30, 20, 40], [40, 70, 50, 79]], dtype=float)
    assert found.at_edge(rows).tolist() == [True, False, True]


@pytest.mark.parametrize("value", [0, 255])
def test_a_collar_that_is_not_declared_is_looked_at(tmp_path, value):
    pixels = np.where(collar(), value, texture()).astype(np.uint8)
    found = coverage(write_tiff(tmp_path / "a.tif", pixels))
    assert found.identity == ""
    assert (found.windows(COLUMNS, ROWS) == COVERED).all()
    assert not found.at_edge(np.array([[30.0, 20, 40, 30]])).any()


@pytest.mark.parametrize("suffix", [".png", ".jp2", ".tif"])
def test_of_an_image_that_declares_nothing_no_pixel_is_read(tmp_path, suffix, monkeypatch):
    if suffix == ".png":
        path = write_pages(tmp_path / "a.png", np.moveaxis(texture(), 0, -1))
    else:
        driver = "JP2OpenJPEG" if suffix == ".jp2" else "GTiff"
        path = write_tiff(tmp_path / f"a{suffix}", driver=driver)
    monkeypatch.setattr(coverage_module, "opened_missing", _never)
    monkeypatch.setattr(missing_module, "_opened", _never)
    assert not declares_missing(path)
    assert (coverage(path).windows(COLUMNS, ROWS) == COVERED).all()


def _never(*_: object) -> None:
    raise AssertionError("the mask was opened")


def test_the_missing_pixels_of_a_turned_image_are_turned_with_it(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = np.where(collar(), np.nan, texture(1)[0]).astype(np.float32)
    stored = np.ascontiguousarray(np.rot90(upright))
    Image.fromarray(stored).save(tmp_path / "a.tif", exif=exif)
    assert coverage(tmp_path / "a.tif").windows(COLUMNS, ROWS).tolist() == expected(collar())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "12 x 12 pixels", id="another size"),
        pytest.param(b"<VRTDataset/>", "is a virtual raster", id="leads elsewhere"),
        pytest.param(b"", "is empty", id="empty"),
    ],
)
def test_a_mask_beside_the_image_that_cannot_be_used_is_told(tmp_path, content, said):
    path = write_tiff(tmp_path / "a.tif")
    if content is None:
        write_tiff(tmp_path / "a.tif.msk", np.zeros((1, 12, 12), np.uint8))
    else:
        (tmp_path / "a.tif.msk").write_bytes(content)
    (issue,) = image_issues(Scene("a", path), PixelOptions())
    assert isinstance(issue, Issue)
    assert issue.kind == MASK_NOT_USED
    assert said in issue.detail
    assert not missing_mask(path).any()


@given(
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(5, 60),
    st.integers(1, 90),
    st.integers(0, 4),
)
def test_missing_rows_are_the_same_in_strips_of_any_height(
    tmp_path_factory, x, y, side, rows, overlap
):
    missing = np.zeros((HEIGHT, WIDTH), dtype=bool)
    missing[y : y + side, x : x + side] = True
    path = declared("nodata", tmp_path_factory.mktemp("strips") / "a.tif", missing)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coverage_module, "_ROWS", rows)
        found = coverage(path)
        columns, row_spans = spans(WIDTH, 20, overlap), spans(HEIGHT, 20, overlap)
        states = found.windows(columns, row_spans)
        box = np.array([[x + side + 1, y, x + side + 6, y + side]], dtype=float)
        is_area = side >= 9 and x + side < WIDTH and y + side < HEIGHT
        assert not is_area or found.at_edge(box).all()
    assert states.tolist() == [
        WITHOUT_DATA if missing[top : top + h, left : left + w].all() else COVERED
        for top, h in row_spans
        for left, w in columns
    ]
