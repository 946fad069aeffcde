"""Jobs that could not reach their inputs are refused before they start."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from pydantic import TypeAdapter

from commands.runs import reachability
from commands.runs.reachability import check_reachable
from commands.stacks import remote
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.detection.ultralytics.options import TrainingOptions
from utils.errors import ConfigurationError
from utils.scenes.options import SourceOptions


def source(**options: object) -> dict[str, object]:
    return {"source": TypeAdapter(SourceOptions).validate_python(options)}


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param(source(kind="synthetic"), id="synthetic"),
        pytest.param(source(kind="hugging_face", dataset="owner/name"), id="the hub"),
        pytest.param(source(kind="folder", path="gs://b/scenes"), id="bucket"),
        pytest.param(source(kind="coco", path="gs://b/coco"), id="labelled, in a bucket"),
        pytest.param({"data_source": "gs://b/store"}, id="store"),
        pytest.param({"training": TrainingOptions(model_checkpoint="yolov8n.pt")}, id="published"),
        pytest.param(
            {"training": TrainingOptions(model_checkpoint="gs://b/y.pt", weights_dir="gs://b/w")},
            id="weights in a bucket",
        ),
    ],
)
def test_what_jobs_can_reach_is_fine(parameters):
    check_reachable(parameters)


@pytest.mark.parametrize(
    ("parameters", "key"),
    [
        pytest.param(source(kind="folder", path="/data"), "source.path", id="folder"),
        pytest.param(source(kind="yolo", path="data"), "source.path", id="labelled folder"),
        pytest.param({"data_source": "store"}, "data_source", id="store"),
        pytest.param(
            {"training": TrainingOptions(weights_dir="weights")},
            "training.weights_dir",
            id="weights",
        ),
    ],
)
def test_what_only_this_machine_has_is_refused_by_its_key(parameters, key):
    with pytest.raises(ConfigurationError, match=rf"parameters\.{key}: .*gs://"):
        check_reachable(parameters)


def test_local_datasets_and_weights_are_found_out(tmp_path):
    (tmp_path / "weights.pt").touch()
    local = {
        "source.dataset": source(kind="hugging_face", dataset=str(tmp_path)),
        "training.model_checkpoint": {
            "training": TrainingOptions(model_checkpoint=str(tmp_path / "weights.pt"))
        },
    }
    for key, parameters in local.items():
        with pytest.raises(ConfigurationError, match=rf"parameters\.{key}"):
            check_reachable(parameters)


@pytest.fixture
def annotator(monkeypatch) -> Callable[[str, str], None]:
    """Give the active stack an annotator, in a ZenML that is somewhere."""

    def call(url: str, zenml: str = "https://zenml.example.com") -> None:
        monkeypatch.setattr(reachability, "annotator_credentials", lambda: (url, "token"))
        store = SimpleNamespace(url=zenml)
        client = SimpleNamespace(zen_store=store)
        monkeypatch.setattr(remote, "Client", lambda: client)

    return call


def label_studio(url: str = "embedded") -> dict[str, object]:
    return {"label_studio": LabelStudioOptions(url=url)}


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(label_studio(), id="not named"),
        pytest.param(label_studio("https://labels.example.com/"), id="named"),
    ],
)
def test_the_annotator_of_the_stack_is_what_jobs_use(options, annotator):
    annotator("https://labels.example.com")
    check_reachable(options)


@pytest.mark.parametrize("url", ["http://localhost:8080", "https://other.example.com"])
def test_a_label_studio_that_jobs_have_no_token_for_is_refused(url, annotator, monkeypatch):
    annotator("https://labels.example.com")
    with pytest.raises(ConfigurationError, match=rf"parameters\.label_studio\.url: {url} is not"):
        check_reachable(label_studio(url))
    monkeypatch.setenv("LABEL_STUDIO_URL", url)
    with pytest.raises(ConfigurationError, match=rf"LABEL_STUDIO_URL: {url} is not"):
        check_reachable(label_studio())


@pytest.mark.parametrize(
    "url", ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"]
)
def test_an_annotator_on_this_machine_is_for_jobs_on_this_machine(url, annotator):
    annotator(url)
    with pytest.raises(ConfigurationError, match="is on this machine, where its jobs cannot reach"):
        check_reachable(label_studio())
    annotator(url, zenml="http://127.0.0.1:8237")
    check_reachable(label_studio())
