"""Reviewed tiles come back as a new version of the labels, which is found again."""

from __future__ import annotations

import pytest
from zenml.client import Client

from records.dataset_versions import dataset_version
from tests.fixtures.user import User
from utils.annotation.label_studio.connection import ask
from utils.errors import DatasetError

pytestmark = pytest.mark.slow

PROJECT = "labels that come back"
MODEL = "labels-that-come-back"


@pytest.fixture(scope="module")
def exports(user: User) -> list[str]:
    """Output of three exports of a project with six tiles: nothing, work, and more work."""
    harbour = {"kind": "synthetic", "scenes": 1, "width": 640, "height": 480, "ships": 8}
    parameters = {
        "source": harbour,
        "data_source": "store",
        "tiling": {"tile_size": 320, "overlap": 32},
        "label_studio": {"project": PROJECT},
    }
    user.calls("-ig", "--config", user.writes("ingest", parameters=parameters))
    options = {"model": {"name": MODEL}, "parameters": {"label_studio": {"project": PROJECT}}}
    export = ["-e", "--config", user.writes("export", **options)]
    return [user.calls(*export), _emptied(user, export), user.calls(*export)]


def _emptied(user: User, export: list[str]) -> str:
    """An export after somebody has taken all boxes off two tiles that had some."""
    tasks = user.project_tasks(PROJECT)
    for task in [one for one in tasks if one["predictions"][0]["result"]][:2]:
        body = {"result": [], "parent_prediction": task["predictions"][0]["id"]}
        ask(user.label_studio, "POST", f"api/tasks/{task['id']}/annotations/", json=body)
    return user.calls(*export)


@pytest.fixture(scope="module")
def numbers(exports) -> list[str]:
    """The versions that the exports made, oldest first."""
    made = Client().list_artifact_versions(
        artifact="labeled_dataset", model=MODEL, sort_by="asc:created"
    )
    return [version.version for version in made.items]


def test_each_export_tells_what_it_brings(exports, numbers):
    added = "since the beginning: 6 tiles added, 0 changed, 0 removed; 0 newly reviewed"
    changed = f"since version {numbers[0]}: 0 tiles added, 2 changed, 0 removed; 2 newly reviewed"
    nothing = f"since version {numbers[1]}: 0 tiles added, 0 changed, 0 removed; 0 newly reviewed"
    for shown, told in zip(exports, (added, changed, nothing), strict=True):
        assert told in shown


def test_an_export_tells_what_people_made_of_the_proposals(exports):
    _, emptied, _ = exports
    assert "6 tiles: 2 reviewed, 4 with their ground truth" in emptied
    assert "of the reviewed: 0 accepted, 0 changed, 2 rejected" in emptied
    assert "by whom: spyglass@example.com (2 rejected)" in emptied


def test_the_pages_of_an_export_are_artifacts(numbers):
    quality = Client().get_artifact_version("label_quality")
    assert quality.run_metadata["acceptance"] == {"ground truth": 0.0}
    assert "How good the labels are" in str(quality.load())
    assert f"Changes in version {numbers[2]}" in str(
        Client().get_artifact_version("dataset_changes").load()
    )


def test_versions_are_listed_with_what_is_in_them(user: User, numbers):
    rows = user.calls("--datasets").splitlines()
    found = [row.split() for row in rows if row.split()[:1] in ([numbers[0]], [numbers[2]])]
    assert [row[3:5] for row in found] == [["6", "2"], ["6", "0"]]


def test_two_versions_are_compared_on_a_page(user: User, numbers):
    shown = user.calls("--datasets", *numbers[:2])
    assert "2 changed, 0 removed, 4 the same; 2 newly reviewed" in shown
    assert shown.strip().endswith(f"{numbers[0]}-to-{numbers[1]}.html")


def test_a_tag_moves_and_finds_its_version_as_a_query_does(user: User, numbers):
    user.calls("--datasets", numbers[0], "--tag", "gold")
    assert dataset_version("gold").version == numbers[0]
    shown = user.calls("--datasets", numbers[1], "--tag", "gold")
    assert f"Version {numbers[0]} is no longer tagged 'gold'." in shown
    assert dataset_version("tag=gold, reviewed>=2").version == numbers[1]
    assert dataset_version(numbers[0]).version == numbers[0]


def test_a_tag_or_a_query_looks_at_the_versions_of_its_model_only(user: User, numbers):
    user.calls("--datasets", numbers[1], "--tag", "ours")
    assert dataset_version("ours", MODEL).version == numbers[1]
    assert dataset_version(numbers[1], MODEL).version == numbers[1]
    for wanted in ("ours", "reviewed>=0"):
        with pytest.raises(DatasetError, match="of the model 'another model'"):
            dataset_version(wanted, "another model")
    with pytest.raises(DatasetError, match="not to 'another model'"):
        dataset_version(numbers[1], "another model")


@pytest.mark.parametrize("wanted", ["silver", "99999", "tag=gold, reviewed>100"])
def test_a_version_that_is_not_there_is_told(exports, wanted):
    with pytest.raises(DatasetError, match="--datasets"):
        dataset_version(wanted)
