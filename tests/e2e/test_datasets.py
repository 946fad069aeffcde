"""What people reviewed comes back as a new version of the labels."""

from __future__ import annotations

import pytest

from tests.fixtures.user import User

PROJECT = "labels that come back"
MODEL = "labels-that-come-back"


@pytest.fixture(scope="module")
def export(user: User) -> list[str]:
    """The arguments of an export from a project with six tiles."""
    ingest = user.writes(
        "ingest",
        parameters={
            "source": {"kind": "synthetic", "scenes": 1, "width": 640, "height": 480, "ships": 8},
            "data_source": "store",
            "tiling": {"tile_size": 320, "overlap": 32},
            "label_studio": {"project": PROJECT},
        },
    )
    user.calls("-ig", "--config", ingest)
    options = {"model": {"name": MODEL}, "parameters": {"label_studio": {"project": PROJECT}}}
    return ["-e", "--config", user.writes("export", **options)]


def test_each_export_tells_what_it_brings(user: User, export: list[str]):
    first = user.calls(*export)
    assert "since nothing: 6 tiles added, 0 changed, 0 removed; 0 newly reviewed" in first
    second = user.calls(*export)
    assert "0 tiles added, 0 changed, 0 removed; 0 newly reviewed" in second
