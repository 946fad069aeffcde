"""A store and a training on the first machine."""

from __future__ import annotations

import pytest

from tests.unit.backup.trainings import FaultyStore, on_machine


@pytest.fixture
def store(tmp_path):
    return FaultyStore(tmp_path / "store")


@pytest.fixture
def run(tmp_path):
    return on_machine(tmp_path / "first")
