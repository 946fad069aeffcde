"""A real detector finds a ship that lies across borders of windows once, wherever it lies."""

from __future__ import annotations

import pytest

from benchmarks.borders import PLACEMENTS, found_once


@pytest.mark.slow
def test_a_ship_across_borders_is_found_exactly_once_in_200_places(shared_data):
    assert found_once(shared_data) == PLACEMENTS
