"""A project of Label Studio asks the service for predictions, and people get them on the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from uuid import uuid4

import numpy as np
import pytest

from tests.builders import boxes, make_tile
from tests.fixtures.label_studio import Harbour
from tests.fixtures.services import Service, served
from tests.fixtures.spots import png, spots
from tests.integration.test_label_studio_browser import BOXES_WHEN_SETTLED, logged_in
from utils.annotation.label_studio.connection import ask
from utils.annotation.label_studio.interface import label_config
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.server import ServerConnection
from utils.ports import free_port
from utils.serving.options import DeploymentOptions
from utils.serving.process import deploy_here, stop_service
from utils.shapes.shapes import ShapeKind

CLASSES = ("ship", "buoy")
# The regions of the annotation or prediction that the page shows, once its image is there.
REGIONS = """(least) => {
    const loaded = [...document.images].some(one => one.src.startsWith('blob:')
        && one.complete && one.naturalWidth === 64);
    const shown = window.Htx && Htx.annotationStore && Htx.annotationStore.selected;
    if (!loaded || !shown) return null;
    const results = shown.serializeAnnotation();
    return results.length >= least ? results : null;
}"""


def post(service: Service, page: str, **content: Any):
    body = json.dumps(content)
    return service.ask("POST", f"/label-studio/{page}", body, {"Content-Type": "application/json"})


def test_it_is_up_and_names_its_version(service: Service) -> None:
    assert service.get("/label-studio/health").json["status"] == "UP"
    assert service.get("/label-studio/versions").json == {"versions": ["spots 1"]}
    answer = post(service, "setup", schema=label_config(CLASSES), project="1.2")
    assert answer.json == {"model_version": "spots 1"}
    assert post(service, "webhook", action="START_TRAINING").status == 200


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (label_config(CLASSES, ShapeKind.SEGMENT), "boxes"),
        (label_config(("car", "tree")), "none of the model's classes"),
        ("<View>", "no XML"),
        ("", "no XML"),
        ("<View/>", "Label"),
    ],
)
def test_a_project_for_other_labels_is_refused(service: Service, config, words) -> None:
    answer = post(service, "setup", schema=config)
    assert answer.status == 422
    assert words in answer.json["error"]


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        ({}, 400, "Name the tasks"),
        ({"tasks": [3]}, 400, "Name the tasks"),
        ({"tasks": [{"id": 1, "data": {"image": "/a.png"}}]}, 422, "--label-studio"),
    ],
)
def test_tasks_that_cannot_be_predicted(service: Service, content, status, words) -> None:
    answer = post(service, "predict", label_config=label_config(CLASSES), **content)
    assert (answer.status, words in answer.json["error"]) == (status, True)


@pytest.fixture(scope="module")
def connected(spots_bundle, label_studio: ServerConnection, tmp_path_factory) -> Iterator[Service]:
    yield from _connected(spots_bundle().folder, label_studio, tmp_path_factory.mktemp("model"))


def _connected(bundle: Path, server: ServerConnection, folder: Path) -> Iterator[Service]:
    """A service that knows Label Studio."""
    token = folder / "token"
    token.write_text(server.api_key)
    options = ("--label-studio", server.url, "--label-studio-token", str(token))
    with served(bundle, folder / "state", *options) as service:
        yield service


def bay_of(server: ServerConnection, folder: Path, kind: ShapeKind, images) -> Harbour:
    """A project with a tile for each image, unlabelled."""
    tiles = []
    for number, image in enumerate(images):
        height, width = image.shape[:2]
        tile = make_tile(folder / "store", x=64 * number, width=width, height=height)
        png(image, Path(tile.uri))
        tiles.append(tile)
    options = LabelStudioOptions(project=f"model {uuid4().hex[:8]}")
    return Harbour(server, folder, tiles, options, CLASSES, kind)


def connect_model(bay: Harbour, service: Service) -> dict[str, Any]:
    """Connect the service to a project as its model, as people do under Settings, Model."""
    content = {"url": f"{service.url}/label-studio", "project": bay.project.id, "title": "service"}
    model = ask(bay.client, "POST", "api/ml/", json=content)
    automatic = {"evaluate_predictions_automatically": True, "show_collab_predictions": True}
    ask(bay.client, "PATCH", f"api/projects/{bay.project.id}/", json=automatic)
    return model


IMAGE = spots(64, 48, [(1, 1, "ship"), (5, 3, "buoy")])
FOUND = [(9.0, 9.0, 15.0, 15.0), (41.0, 25.0, 47.0, 31.0)]


@pytest.mark.slow
def test_tasks_of_the_server_are_predicted(connected, label_studio, tmp_path) -> None:
    bay = bay_of(label_studio, tmp_path, ShapeKind.DETECT, [IMAGE])
    bay.sync()
    (task,) = bay.tasks().values()
    config = label_config(CLASSES)
    other = {"id": 2, "data": {"image": "http://169.254.169.254/latest"}}
    answer = post(connected, "predict", tasks=[task, other], label_config=config)
    first, second = answer.json["results"]
    assert first["model_version"] == "spots 1"
    assert first["score"] == 1.0
    values = [(one["value"], one["score"]) for one in first["result"]]
    found = [
        (v["x"] * 0.64, v["y"] * 0.48, (v["x"] + v["width"]) * 0.64, (v["y"] + v["height"]) * 0.48)
        for v, _ in values
    ]
    np.testing.assert_allclose(sorted(found), FOUND)
    assert sorted(v["rectanglelabels"] for v, _ in values) == [["buoy"], ["ship"]]
    assert "not on the Label Studio" in second["error"]
    assert list((connected.state / "incoming").iterdir()) == []
    # A project that knows one class only gets that one.
    one = post(connected, "predict", tasks=[task], label_config=label_config(["buoy"]))
    assert len(one.json["results"][0]["result"]) == 1


@pytest.mark.slow
def test_people_get_boxes_on_the_page(connected, label_studio, browser, tmp_path) -> None:
    bay = bay_of(label_studio, tmp_path, ShapeKind.DETECT, [IMAGE])
    bay.sync()
    model = connect_model(bay, connected)
    assert (model["state"], model["model_version"]) == ("CO", "spots 1")
    (task,) = bay.tasks().values()
    for page in logged_in(browser, label_studio):
        page.goto(f"{bay.project.url}/data?task={task['id']}")
        drawn = page.wait_for_function(BOXES_WHEN_SETTLED, polling=500).json_value()
        np.testing.assert_allclose(np.array(sorted(drawn)) * [64, 48, 64, 48], FOUND, atol=0.5)
        page.screenshot(path=tmp_path / "task.png")
        with page.expect_response(lambda answer: "/annotations" in answer.url):
            page.click("[data-testid=bottombar-submit-button]")
    (tile,) = bay.export().dataset
    assert tile.reviewed
    expected = boxes(*FOUND)
    np.testing.assert_allclose(sorted(tile.shapes.xyxy.tolist()), expected.xyxy, atol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [ShapeKind.OBB, ShapeKind.SEGMENT, ShapeKind.CLASSIFY])
def test_every_kind_of_labels(
    kind, bundle_of, label_studio, browser, tmp_path, tmp_path_factory
) -> None:
    from PIL import Image

    bundle = bundle_of(kind)
    image = np.asarray(Image.open(bundle.test_image))
    for service in _connected(bundle.folder, label_studio, tmp_path_factory.mktemp("model")):
        bay = bay_of(label_studio, tmp_path, kind, [image])
        bay.sync()
        connect_model(bay, service)
        (task,) = bay.tasks().values()
        answer = post(service, "predict", tasks=[task], label_config=label_config(CLASSES, kind))
        expected = answer.json["results"][0]["result"]
        assert expected
        for page in logged_in(browser, label_studio):
            page.goto(f"{bay.project.url}/data?task={task['id']}")
            arguments = {"arg": len(expected), "polling": 500}
            shown = page.wait_for_function(REGIONS, **arguments).json_value()
            page.screenshot(path=tmp_path / f"{kind}.png")
            assert sorted(one["type"] for one in shown) == sorted(o["type"] for o in expected)
            assert len(shown) == len(expected)


@pytest.mark.slow
def test_a_deployed_service_may_ask_the_label_studio_that_the_configuration_names(
    spots_bundle, label_studio, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", label_studio.api_key)
    bay = bay_of(label_studio, tmp_path, ShapeKind.DETECT, [IMAGE])
    bay.sync()
    (task,) = bay.tasks().values()
    options = DeploymentOptions(port=free_port(), label_studio=label_studio.url)
    service = deploy_here(spots_bundle(), options).service
    try:
        body = json.dumps({"tasks": [task], "label_config": label_config(CLASSES)}).encode()
        asked = Request(
            f"{service.url}/label-studio/predict", body, {"Content-Type": "application/json"}
        )
        with urlopen(asked) as answer:
            (found,) = json.load(answer)["results"]
        assert len(found["result"]) == 2
        command = Path(f"/proc/{service.server.pid}/cmdline").read_text()
        assert label_studio.api_key not in command
        assert oct((service.folder / "label_studio.token").stat().st_mode)[-3:] == "600"
    finally:
        stop_service("spots")
