"""`--prediction` sends images and scenes through the running service of the model."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image
from zenml.client import Client as Store

import materializers  # noqa: F401  (tells ZenML how to store the nouns)
from records.model_versions import version_in
from run import main
from tests.fixtures.spots import Cell, SpotsBundle, boxes_of, png, scattered_cells, spots
from tests.fixtures.terminal import unfolded
from utils.ports import free_port
from utils.scenes.options import FolderSource
from utils.scenes.sources import open_source
from utils.serving.bundle import Bundle
from utils.serving.client import Client
from utils.serving.options import DeploymentOptions, PredictionOptions
from utils.serving.process import deploy_here, serving, stop_service
from utils.serving.scene_predictions import predict_source

CELLS: dict[str, list[Cell]] = {
    "small": [(1, 1, "ship"), (4, 5, "buoy")],
    "large": scattered_cells(496, 304, 12),
}
SIZES = {"small": (64, 64), "large": (496, 304)}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image, a scene of many windows, and a file that is cut off."""
    folder = tmp_path_factory.mktemp("pictures")
    for name, cells in CELLS.items():
        png(spots(*SIZES[name], cells), folder / f"{name}.png")
    whole = (folder / "large.png").read_bytes()
    (folder / "torn.png").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture(scope="module")
def client(spots_bundle: SpotsBundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(spots_bundle(), tmp_path_factory.mktemp("service")) as client:
        yield client


def found_in(shapes) -> list[tuple[str, list[float]]]:
    return sorted(zip(shapes.labels, shapes.xyxy.tolist(), strict=True))


@pytest.mark.parametrize("image_pixels", [10**6, 5000], ids=["as images", "the large one as a job"])
def test_every_scene_is_answered_and_a_torn_one_is_set_aside(
    client: Client, pictures: Path, tmp_path: Path, image_pixels: int
):
    options = PredictionOptions(image_pixels=image_pixels)
    source = open_source(FolderSource(path=str(pictures)))
    table, issues = predict_source(source, client, "1", options, tmp_path)
    scenes = {Path(scene.scene_id).stem: scene for scene in table}
    assert list(scenes) == ["large", "small"]
    for name, cells in CELLS.items():
        assert found_in(scenes[name].shapes) == boxes_of(cells)
        assert scenes[name].model_version == "1"
        assert scenes[name].faint_boxes is None  # the service does not say
        assert (scenes[name].width, scenes[name].height) == SIZES[name]
        assert client.url in scenes[name].backend
    assert scenes["large"].windows == 10 * 6
    assert [Path(issue.item).stem for issue in issues.issues] == ["torn"]
    jobs = sorted(job["state"] for job in client.states())
    assert jobs == (["done", "failed"] if image_pixels == 5000 else [])


@pytest.fixture
def model() -> Iterator[str]:
    """A model with a version in production."""
    name = f"model-{uuid4().hex[:8]}"
    Store().create_model(name)
    Store().create_model_version(name)
    Store().get_model_version(name, "1").set_stage("production")
    yield name
    stop_service(name)


def predicts(model: str, pictures: Path, *sets: str) -> int:
    typed = [f"model.name={model}", f"source.path={pictures}", *sets]
    return main(["--prediction", *(part for value in typed for part in ("--set", value))])


def test_the_running_service_of_the_model_is_found(
    model: str, pictures: Path, spots_bundle: SpotsBundle, tmp_path: Path, capsys
):
    assert predicts(model, pictures) == 1
    told = unfolded(capsys.readouterr().err)
    assert f"No service of '{model}' runs on this machine." in told
    assert "Start one with: python run.py --deploy" in told

    deploy_here(renamed(spots_bundle(), model, tmp_path), DeploymentOptions(port=free_port()))
    assert predicts(model, pictures, "source.max_scenes=1") == 0
    shown = unfolded(capsys.readouterr().out)
    assert "12 objects found in 1 scenes" in shown
    (scene,) = version_in(model, "production").get_artifact("predictions").load()
    assert found_in(scene.shapes) == boxes_of(CELLS["large"])
    assert scene.model_version == "1"


def renamed(bundle: Bundle, model: str, folder: Path) -> Bundle:
    bundle.save(folder / "bundle")
    fields = {name: getattr(bundle, name) for name in bundle.__dataclass_fields__}
    return Bundle(**{**fields, "folder": folder / "bundle" / "src", "model": model}).write()


def test_a_service_that_is_not_there_is_told_before_anything_runs(
    model: str, pictures: Path, capsys
):
    assert predicts(model, pictures, "prediction.service=http://127.0.0.1:9") == 1
    assert "The service at http://127.0.0.1:9 does not answer" in capsys.readouterr().err
    assert predicts(model, pictures, "prediction.service=nowhere") == 2
    assert "'nowhere' is no address such as http://" in unfolded(capsys.readouterr().err)


def test_pixels_of_a_window_reach_the_service_as_they_are(client: Client):
    """Decoded by another program, a picture without loss is the same picture."""
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    first, second = (client.predict(_encoded(pixels, kind)) for kind in ("PNG", "PPM"))
    assert first["objects"] == second["objects"]


def _encoded(pixels: np.ndarray, kind: str) -> bytes:
    content = BytesIO()
    Image.fromarray(pixels).save(content, kind)
    return content.getvalue()
