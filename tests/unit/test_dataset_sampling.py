"""How often a training sees each of its tiles."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.detector import write_tiny_dataset
from utils.dataset.options import SamplingOptions
from utils.dataset.sampling import sampled, times_seen
from utils.detection.ultralytics.library import load_ultralytics

CLASSES = {f"tile-{number}": ["ship"] * (number % 5 == 0) for number in range(500)}
TILES = st.dictionaries(st.text(min_size=1), st.sets(st.sampled_from(["ship", "buoy"])))


@pytest.mark.parametrize(("share", "empty"), [(1, 400), (0.5, 100), (0.2, 25), (0, 0)])
def test_no_more_than_the_share_of_the_tiles_is_empty(share, empty):
    times = times_seen(CLASSES, SamplingOptions(background_share=share))
    assert sum(not CLASSES[tile] for tile in times) == empty
    assert sum(bool(CLASSES[tile]) for tile in times) == 100


@pytest.mark.parametrize(("share", "mean"), [(0.2, 1), (0.45, 1.5), (0.8, 2), (1, 5**0.5)])
def test_a_class_is_seen_the_more_often_the_rarer_it_is(share, mean):
    times = times_seen(CLASSES, SamplingOptions(rare_share=share))
    with_ship = [times[tile] for tile in CLASSES if CLASSES[tile]]
    assert sum(with_ship) / len(with_ship) == pytest.approx(mean, abs=0.1)
    assert all(times[tile] == 1 for tile in CLASSES if not CLASSES[tile])


@given(TILES, st.floats(0, 1), st.floats(0, 1))
def test_every_tile_with_a_box_is_seen(tiles, background, rare):
    times = times_seen(tiles, SamplingOptions(background_share=background, rare_share=rare))
    assert all(times[tile] >= 1 for tile in tiles if tiles[tile])


@given(TILES)
def test_by_default_every_tile_is_seen_once(tiles):
    assert times_seen(tiles, SamplingOptions()) == dict.fromkeys(tiles, 1)


def test_ultralytics_sees_a_tile_as_often_as_it_is_listed(tmp_path, local_state):
    dataset = write_tiny_dataset(tmp_path)
    labels = sorted((tmp_path / "yolo" / "labels" / "train").iterdir())
    labels[0].write_text(labels[0].read_text().replace("0 ", "1 ", 1))
    rare = sampled(dataset, SamplingOptions(rare_share=0.99))
    load_ultralytics()
    from ultralytics.cfg import get_cfg
    from ultralytics.data.build import build_yolo_dataset
    from ultralytics.data.utils import check_det_dataset

    described = check_det_dataset(str(rare.data_yaml))
    described["names"][1] = "buoy"
    seen = build_yolo_dataset(get_cfg(), described["train"], 4, described)
    times = Counter(path.rsplit("/", 1)[-1].removesuffix(".png") for path in seen.im_files)
    assert times.pop(labels[0].stem) >= 2
    assert set(times.values()) == {1}
    assert rare.tile_counts["train"] == len(seen)
    assert rare.fingerprint != dataset.fingerprint
