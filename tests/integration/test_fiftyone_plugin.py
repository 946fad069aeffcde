"""The button in the FiftyOne App, in a real browser: samples become tasks in Label Studio."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from subprocess import TimeoutExpired
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from tests.builders import boxes, write_image
from tests.fixtures.user import User
from utils.annotation.label_studio.server import ServerConnection
from utils.curation.app import serve_app, stop_app
from utils.curation.dataset import build_dataset
from utils.detection.detector import Detector
from utils.detection.predictions import Predictions, ScenePrediction
from utils.paths import PROJECT_ROOT
from utils.shapes.shapes import Shapes
from utils.tiling.options import TilingOptions

TILING = {"tile_size": 64, "overlap": 0}


@pytest.fixture
def user(tmp_path: Path, label_studio: ServerConnection) -> User:
    server = {"LABEL_STUDIO_URL": label_studio.url, "LABEL_STUDIO_API_KEY": label_studio.api_key}
    return User(tmp_path / "user", server)


@pytest.fixture
def predictions(tmp_path: Path) -> Predictions:
    """Predictions of a scene of three tiles with a ship each, which was never ingested."""
    image = write_image(tmp_path / "scene.png", 192, 64)
    ships = boxes((4, 4, 20, 20), (70, 4, 90, 20), (140, 4, 160, 20))
    found = Shapes(ships.xyxy, ships.labels, [0.9, 0.6, 0.3])
    scene = ScenePrediction("port/scene.png", str(image), 192, 64, found, "1")
    return Predictions.write(tmp_path / "predictions.parquet", ["ship"], [scene])


@pytest.fixture
def model(tiny_detector: Detector, predictions: Predictions) -> dict[str, str]:
    """A version of a model in production, with the predictions it made."""
    from zenml import Model, link_artifact_to_model, save_artifact
    from zenml.client import Client

    import materializers  # noqa: F401

    name = f"model-{uuid4().hex[:8]}"
    Client().create_model(name)
    version = Client().create_model_version(name)
    for made, artifact in ((tiny_detector, "trained_detector"), (predictions, "predictions")):
        saved = save_artifact(made, artifact)
        link_artifact_to_model(saved, Model(name=name, version=version.name))
    version.set_stage("production", force=True)
    return {"name": name, "version": "production"}


@pytest.fixture
def app(mongodb: str, user: User, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The App of somebody who has named a Label Studio."""
    for variable, value in user.environment.items():
        monkeypatch.setenv(variable, value)
    stop_app()
    yield serve_app()
    stop_app()


@pytest.mark.slow
def test_the_button_sends_the_selected_samples(
    browser: Any,
    app: str,
    user: User,
    model: dict[str, str],
    predictions: Predictions,
    dataset_name: str,
) -> None:
    import fiftyone as fo

    build_dataset(dataset_name, predictions=predictions, tiling=TilingOptions(**TILING))
    user.folder.mkdir()
    project = f"picked {uuid4().hex[:8]}"
    parameters = {
        "data_source": str(user.folder / "store"),
        "tiling": TILING,
        "label_studio": {"project": project},
    }
    configuration = user.writes("feedback", model=model, parameters=parameters)

    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(240_000)
    page.goto(serve_app(dataset_name))
    page.wait_for_function("document.querySelectorAll('[data-cy=looker]').length === 3")
    page.click("text=Dismiss")
    for place in (0, 2):
        page.hover(f"[data-cy=looker] >> nth={place}")
        page.locator("[title^='Click to select sample']").nth(place).click(force=True)
    page.locator("[data-cy=fo-grid-actions] img[src*='spyglass']").click()
    page.wait_for_selector("text=2 selected samples will be sent")
    page.get_by_role("textbox").last.fill(configuration)
    page.get_by_role("button", name="Execute").click()
    page.wait_for_selector("text=Outcome")
    page.screenshot(path=user.folder / "outcome.png")
    outcome = page.get_by_role("dialog").last.inner_text()
    page.close()

    assert "2 tiles picked: tagged 2" in outcome
    assert "2 new tasks" in outcome
    dataset = fo.load_dataset(dataset_name)
    dataset.reload()
    sent = set(dataset.match_tags("sent").values("tile_id"))
    assert len(sent) == 2
    assert set(user.tasks(project)) == sent
    assert len(dataset.match_tags("sending")) == 0


@pytest.mark.parametrize("is_selected", [True, False], ids=["selected", "a view without tags"])
def test_what_could_not_be_sent_in_time_does_not_go_with_what_is_sent_next(
    dataset_name: str, monkeypatch: pytest.MonkeyPatch, is_selected: bool
) -> None:
    import fiftyone as fo

    spyglass = _plugin()
    dataset = fo.Dataset(dataset_name)
    dataset.add_samples([fo.Sample(f"/{number}.png") for number in range(2)])
    click = SimpleNamespace(
        selected=[dataset.first().id] if is_selected else [],
        view=dataset.match(fo.ViewField("tags").length() == 0),
        dataset=dataset,
        params={"config": "configs/feedback.yaml"},
        trigger=lambda _: None,
    )
    monkeypatch.setattr(spyglass, "_SECONDS", 0.01)
    with pytest.raises(TimeoutExpired):
        spyglass.SendToLabelStudio().execute(click)
    assert dataset.count_sample_tags() == {}


def _plugin() -> Any:
    """The plugin's module, as FiftyOne loads it."""
    file = PROJECT_ROOT / "plugins" / "spyglass" / "__init__.py"
    found = spec_from_file_location("spyglass_plugin", file)
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("dataset", "project", "config"),
    [
        ("ships", "configs/project.yaml", "configs/feedback.yaml"),
        ("spyglass-demo", "configs/demo/project.yaml", "configs/demo/feedback.yaml"),
        ("nobody's", None, "configs/feedback.yaml"),
    ],
)
def test_the_button_acts_for_the_project_of_the_dataset(dataset, project, config) -> None:
    plugin = _plugin()
    assert plugin._project_of(dataset) == (["--project", project] if project else [])
    assert plugin._configuration_of(dataset) == config
