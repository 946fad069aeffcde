from __future__ import annotations

import warnings

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from tests.builders import write_image
from tests.unit.scenes.reading import read
from utils.images.georeference import Georeference, read_georeference

TRANSFORM = Affine(10.0, 0.5, 500_000.0, -0.25, -10.0, 6_000_000.0)


def write_geotiff(path, crs: str | None) -> None:
    profile = {"driver": "GTiff", "width": 8, "height": 6, "count": 1, "dtype": "uint16"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "w", crs=crs, transform=TRANSFORM, **profile) as raster:
            raster.write(np.zeros((1, 6, 8), dtype=np.uint16))


def test_a_geotiff_keeps_its_crs_and_transform(tmp_path):
    write_geotiff(tmp_path / "a.TIF", "EPSG:32633")
    (scene,) = read("folder", path=str(tmp_path)).scenes
    assert scene.georeference == Georeference("EPSG:32633", tuple(TRANSFORM)[:6])


def test_a_crs_without_a_number_is_given_in_words(tmp_path):
    write_geotiff(tmp_path / "a.tif", "+proj=laea +lat_0=12 +lon_0=7.5 +ellps=bessel")
    georeference = read_georeference(tmp_path / "a.tif")
    assert georeference.crs.startswith(("PROJCS", "PROJCRS"))


def test_other_images_have_none(tmp_path):
    write_geotiff(tmp_path / "a.tif", None)
    write_image(tmp_path / "b.tif")
    write_image(tmp_path / "c.png")
    (tmp_path / "d.tif").write_text("not an image")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(read_georeference(path) is None for path in tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_only_tiffs_are_opened(tmp_path, name):
    assert read_georeference(tmp_path / name) is None
