"""Tables of another PROJ cost no image its place."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import rasterio

from utils.images.proj_data import pass_over_other_tables
from utils.paths import PROJECT_ROOT

OWN = Path(rasterio.__file__).parent / "proj_data"

LOOK_UP = (
    "import utils.images\n"
    "from rasterio.crs import CRS\n"
    "from rasterio.warp import transform\n"
    "print(transform(CRS.from_epsg(32632), CRS.from_epsg(4326), [500000.0], [5000000.0]))"
)


@pytest.fixture
def other_tables(tmp_path) -> Path:
    """The folder of a PROJ with an older layout."""
    shutil.copy(OWN / "proj.db", tmp_path)
    with closing(sqlite3.connect(tmp_path / "proj.db")) as tables, tables:
        tables.execute(
            "UPDATE metadata SET value = '1' WHERE key = 'DATABASE.LAYOUT.VERSION.MINOR'"
        )
    return tmp_path


@pytest.mark.parametrize("variable", ["PROJ_LIB", "PROJ_DATA"])
def test_places_are_found_in_spite_of_them(variable, other_tables):
    done = subprocess.run(
        [sys.executable, "-c", LOOK_UP],
        env={**os.environ, variable: str(other_tables)},
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("([9.0")
    assert "DATABASE.LAYOUT" not in done.stderr
    assert done.stderr.count(variable) == 1


@pytest.mark.parametrize("content", [None, b"", b"no tables"])
def test_a_folder_without_usable_tables_is_passed_over(content, tmp_path, monkeypatch):
    if content is not None:
        (tmp_path / "proj.db").write_bytes(content)
    monkeypatch.setenv("PROJ_DATA", str(tmp_path))
    pass_over_other_tables()
    assert "PROJ_DATA" not in os.environ


def test_tables_of_the_same_layout_are_the_users_choice(tmp_path, monkeypatch):
    shutil.copy(OWN / "proj.db", tmp_path)
    monkeypatch.setenv("PROJ_DATA", os.pathsep.join([str(tmp_path / "grids"), str(tmp_path)]))
    pass_over_other_tables()
    assert os.environ["PROJ_DATA"].endswith(str(tmp_path))
