"""Run by the Python of Datumaro's own environment: read a dataset, and write its own JSON.

Arguments are the folder of the dataset, its format or an empty text, and the folder to write to.
The last line of the output is the format, or begins with `refused:`.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

# Their readers load pickles, which run code; these and 3D data hold no boxes anyway.
_REFUSED = {"brats", "brats_numpy", "cifar", "kitti3d", "kitti_raw", "sly_pointcloud"}


def main(folder: str, wanted: str, target: str) -> str:
    """Convert a dataset; returns what the last line tells."""
    from datumaro.components.dataset import Dataset
    from datumaro.components.environment import Environment
    from datumaro.components.errors import DatasetNotFoundError

    logging.disable(logging.WARNING)
    known = set(Environment().importers) - _REFUSED
    if not wanted:
        found = [name for name in Environment().detect_dataset(folder) if name in known]
        if len(found) != 1:
            names = ", ".join(sorted(found or known))
            told = "several formats may be meant" if found else "no format is found in it"
            return f"refused: {told}; those known are {names}"
        (wanted,) = found
    if wanted not in known:
        return f"refused: the format '{wanted}' is none of {', '.join(sorted(known))}"
    try:
        dataset = Dataset.import_from(folder, wanted)
        for item in dataset:
            item.annotations = [_writable(found) for found in item.annotations]
            dataset.put(item)
        dataset.export(target, "datumaro", save_media=False)
    except Exception as error:
        if isinstance(error, DatasetNotFoundError):
            return f"refused: it is not laid out as '{wanted}'"
        told = " ".join(f"{type(error).__name__}: {error}".split())
        return f"refused: {told[:300]}"
    return wanted


def _writable(annotation: Any) -> Any:
    """An oriented box as a polygon, since Datumaro's JSON has no oriented boxes."""
    from datumaro.components.annotation import Polygon, RotatedBbox

    if not isinstance(annotation, RotatedBbox):
        return annotation
    points = [value for point in annotation.as_polygon() for value in point]
    return Polygon(points, label=annotation.label, attributes=annotation.attributes)


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
