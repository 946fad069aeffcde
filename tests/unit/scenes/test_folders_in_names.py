"""A name in a folder that the source has means no image of another folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from utils.scenes.image_names import ImageNames

IMAGES = ["/d/siteA/2.jpg", "/d/siteB/1.jpg", "/d/siteB/left/3.jpg"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        pytest.param("siteA/1.jpg", None, id="a folder of the source without the image"),
        pytest.param("SITEa\\1.jpg", None, id="written in another way"),
        pytest.param("siteC/1.jpg", "/d/siteB/1.jpg", id="a folder of another machine"),
        pytest.param("/home/u/siteB/1.jpg", "/d/siteB/1.jpg", id="its own folder"),
        pytest.param("siteB/3.jpg", "/d/siteB/left/3.jpg", id="a folder above its own"),
        pytest.param("1.jpg", "/d/siteB/1.jpg", id="no folder"),
        pytest.param("/data/upload/siteA/1.jpg", "/d/siteB/1.jpg", id="an upload"),
    ],
)
def test_a_name_stays_in_its_folder(name, found):
    image = ImageNames.of(map(Path, IMAGES)).meant(name).image
    assert image == (Path(found) if found else None)
