"""The tables of places on Earth that rasterio's PROJ reads.

QGIS, conda and modules of clusters name the tables of their own PROJ in `PROJ_LIB` or `PROJ_DATA`.
Where these have another layout, rasterio prints an error for every lookup, and images lose their
place.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

_VARIABLES = ("PROJ_LIB", "PROJ_DATA")
_LAYOUT = "SELECT value FROM metadata WHERE key LIKE 'DATABASE.LAYOUT.VERSION.%' ORDER BY key"

logger = logging.getLogger(__name__)


def pass_over_other_tables() -> None:
    """Take variables out of the environment that name tables of another layout than rasterio's.

    Call it before rasterio is imported. A rasterio that was built for the system's PROJ brings no
    tables along, and then the variables stay.
    """
    own = _own_tables()
    if own is None:
        return
    for variable in _VARIABLES:
        # Several folders may be named, and PROJ takes the first that has the tables.
        folders = [Path(name) for name in os.environ.get(variable, "").split(os.pathsep) if name]
        layouts = [found for folder in folders if (found := _layout(folder))]
        if folders and layouts[:1] != [_layout(own)]:
            del os.environ[variable]
            logger.warning(
                "%s names the tables of another PROJ, so that places on Earth are read with "
                "rasterio's own.",
                variable,
            )


def _own_tables() -> Path | None:
    """Return the folder of tables in rasterio's wheel."""
    package = find_spec("rasterio")
    folders = package.submodule_search_locations if package else None
    own = Path(folders[0], "proj_data") if folders else None
    return own if own and _layout(own) else None


def _layout(folder: Path) -> list[str] | None:
    """Return the version of the tables' layout, major and minor; None where there are none."""
    tables = folder / "proj.db"
    if not tables.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{tables.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            return [str(value) for (value,) in opened.execute(_LAYOUT)]
    except sqlite3.Error:
        return None
